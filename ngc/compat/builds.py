"""What an executor compiles for."""

from dataclasses import dataclass, field

from ngc.engines import EngineOptions


@dataclass(frozen=True)
class Build:
    """The target of `ngc.compile`, with what belongs to it.

    Attributes:
        target: "cpu", or an engine's.
        precision: None for what the model asks for.
        options: what goes to an engine, and how it is built.
    """

    target: str = "cpu"
    precision: str | None = None
    options: EngineOptions = field(default_factory=EngineOptions)

    @property
    def is_engine(self) -> bool:
        """Whether the target is an engine."""
        return not self.target.startswith("cpu")


CPU = Build()
