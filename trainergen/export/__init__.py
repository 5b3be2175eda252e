"""A trained model out of its run: rebuilt as it was trained, evaluated, and written in a format that others read.

`trained`, `exporting` and `placing` belong to the main process and never load torch; `rebuilding`, `judging`,
`sampling`, `writing`, `proving` and the functions of `formats` run in the lab.
"""
