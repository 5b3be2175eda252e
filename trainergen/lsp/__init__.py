"""The language server: what ``trainergen check`` says, in an editor, of the text that stands there unsaved."""
