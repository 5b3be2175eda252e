"""The lab's measurements for `inspect`: one file each below ``model/``, ``trials/`` and ``data/``, found by listing them.

A measurement's file has

* ``DOING``: what is being done, for the progress line;
* ``ORDER``: where it stands in the report;
* ``NEEDS``: ``model``, ``objective``, ``data`` or ``loader`` (see `inspection.examination.Measurement`);
* ``GROUP``: neighbours of one group share a request, and so the imports of the user's code; what may hang or crash has a
  group of its own. A group that did is taken again, one by one;
* ``examine(specimen)``: measures and judges, and gives an `Examined`. It builds its own model, so that no measurement
  sees what another left behind.

Thresholds stand beside what they judge, with their source.
"""
