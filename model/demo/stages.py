"""Stages that are not done twice: what one left in a folder is taken up by whoever comes back."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from model.errors import TrainingUnusable

Facts = dict[str, Any]
_FACTS = "facts"


class Stages:
    """The stages of one recipe, kept in a folder or, without one, done and forgotten."""

    def __init__(self, folder: Path | None, recipe: Facts):
        self.folder, self.recipe = folder, recipe
        self.cpu_seconds = 0.0

    def weights(self, name: str, modules: dict[str, nn.Module], make: Callable[[], Facts]) -> Facts:
        """Train these modules, or load what they were trained to; returns what there is to say about it.

        raises: TrainingUnusable where the folder holds this stage of another recipe
        """

        def made() -> tuple[dict[str, Tensor], Facts]:
            facts = make()
            states = {
                f"{prefix}.{key}": value.detach().clone()
                for prefix, module in modules.items()
                for key, value in module.state_dict().items()
            }
            return states, facts

        states, facts = self._once(name, made)
        for prefix, module in modules.items():
            start = f"{prefix}."
            module.load_state_dict(
                {k.removeprefix(start): v for k, v in states.items() if k.startswith(start)}
            )
        return facts

    def tensor(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """One tensor, made or loaded; raises TrainingUnusable as above."""
        return self._once(name, lambda: ({name: make()}, {}))[0][name]

    def _once(
        self, name: str, make: Callable[[], tuple[dict[str, Tensor], Facts]]
    ) -> tuple[dict[str, Tensor], Facts]:
        file = self.folder / f"{name}.safetensors" if self.folder else None
        if file and file.is_file():
            with safe_open(file, "pt") as kept:
                facts = json.loads(kept.metadata()[_FACTS])
                if facts["recipe"] != self.recipe:
                    raise TrainingUnusable(f"The stage {name} in the folder belongs to another recipe.")
                states = {key: kept.get_tensor(key) for key in kept.keys()}  # noqa: SIM118
        else:
            started = time.process_time()
            states, said = make()
            facts = {"recipe": self.recipe, "cpu_seconds": time.process_time() - started, "said": said}
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
                partial = file.with_suffix(".partial")
                save_file(states, partial, {_FACTS: json.dumps(facts)})
                partial.replace(file)
        self.cpu_seconds += facts["cpu_seconds"]
        return states, facts["said"]


def seeded(seed: int) -> None:
    """One thread and this seed: what follows is the same whether or not what came before was loaded."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
