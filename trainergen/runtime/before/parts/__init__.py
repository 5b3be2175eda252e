"""What several of the flags need: how they answer, how they borrow a trainer, what they look at while it steps."""
