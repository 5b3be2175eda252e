"""From a change set to the disk: diff, conflicts, all-or-nothing commit, journal, undo. Standard library only."""
