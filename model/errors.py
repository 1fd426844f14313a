"""What can go wrong between a question and its answer.

ModelError
├── PromptTooLong       the words do not fit beside the picture
├── WeightsMismatch     a checkpoint that is not what its config says, or cannot be read
├── NotEnoughMemory     the device has no room for it
├── DeviceAbsent        this machine does not have the device that is asked for
├── QuantizationUnusable  weights in fewer bits on a device that this engine has no such product for
├── PicturesUnusable    no picture, or one that is not uint8 (rows, columns, 3)
├── RecordsUnusable     what is to be trained on is not what it should be; says which line
├── TrainingUnusable    what is asked of a training does not go together, or does not fit what it resumes
├── EvaluationUnusable  data or answers that cannot be scored; says which file or line, and what to do
├── PromptTooLongForServer  the words do not fit, says a model server, which does not say by how much
├── ServerUnreachable   the model server cannot be reached
├── ServerRefused       it answers with an error; says its status
├── ServerSilent        it says nothing for too long
├── ServerBroke         its answer breaks off, or is not one
└── ServerServesAnother it serves another model than it should
"""

from typing import Any


class ModelError(Exception):
    """The model cannot answer."""

    code = "model.error"

    def __init__(self, **facts: Any):
        detail = ", ".join(f"{name}={value}" for name, value in facts.items())
        super().__init__(f"{self.__doc__}{' ' + detail + '.' if detail else ''}")
        self.facts = facts


class PromptTooLong(ModelError):
    """The question is too long."""

    code = "model.prompt_too_long"

    def __init__(self, tokens_over: int, budget: int):
        super().__init__(tokens_over=tokens_over, budget=budget)
        self.tokens_over, self.budget = tokens_over, budget


class WeightsMismatch(ModelError):
    """The checkpoint cannot be read or is not what its configuration says."""

    code = "model.weights_mismatch"


class NotEnoughMemory(ModelError):
    """The device has no room for this model or question."""

    code = "model.not_enough_memory"


class DeviceAbsent(ModelError):
    """The device that the settings name is not there."""

    code = "model.device_absent"


class QuantizationUnusable(ModelError):
    """Weights in fewer bits are for the CPU; on other devices set bfloat16."""

    code = "model.quantization_unusable"


class PicturesUnusable(ModelError):
    """The pictures are not what the model takes."""

    code = "model.pictures_unusable"


class _Explained(ModelError):
    """Says why, in a sentence: neither words nor picture names of the data, which can be a patient's."""

    def __init__(self, reason: str, *, line: int = 0):
        super().__init__(reason=reason, line=line)
        self.args = (f"{self.__doc__} {f'Line {line}: ' if line else ''}{reason}",)


class RecordsUnusable(_Explained):
    """The records to train on cannot be used."""

    code = "model.records_unusable"


class TrainingUnusable(_Explained):
    """The training cannot be done as it is asked for."""

    code = "model.training_unusable"


class EvaluationUnusable(_Explained):
    """The evaluation cannot be done."""

    code = "model.evaluation_unusable"


class PromptTooLongForServer(ModelError):
    """The question is too long for the model server."""

    code = "model.too_long_for_server"


class ServerUnreachable(ModelError):
    """The model server cannot be reached."""

    code = "model.server_unreachable"


class ServerRefused(ModelError):
    """The model server answered with an error."""

    code = "model.server_refused"


class ServerSilent(ModelError):
    """The model server said nothing for too long."""

    code = "model.server_silent"


class ServerBroke(ModelError):
    """The model server's answer broke off, or is none."""

    code = "model.server_broke_off"

    def __init__(self, reason: str):
        super().__init__(reason=reason)


class ServerServesAnother(ModelError):
    """The model server serves another model."""

    code = "model.server_serves_another"
