"""What can be wrong with what is to be evaluated (below ModelError, whose tree is in model/errors.py).

ModelError
└── EvaluationUnusable  data, answers or a task that cannot be scored; says which file or line, and what to do
"""

from model.errors import ModelError


class EvaluationUnusable(ModelError):
    """The evaluation cannot be done."""

    code = "model.evaluation_unusable"

    def __init__(self, reason: str):
        super().__init__(reason=reason)
        self.args = (f"{self.__doc__} {reason}",)
