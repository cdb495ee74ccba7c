"""What goes wrong with the judge itself, as against with what it judges."""


class JudgeError(Exception):
    pass
