"""A run, told afterwards: what its files hold, what rules see in them, one page and one Markdown file. No torch.

`evidence` reads, `rules` judge (one file a rule), `sections` and `artefacts` say the rest, `page` and `markdown` render
what `story` has put together, `writing` puts both files into the run's folder at once.
"""
