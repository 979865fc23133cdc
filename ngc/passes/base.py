"""What a pass is: a frozen dataclass whose fields are its options and whose text form round-trips."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin, get_type_hints

from ngc.errors import PassError
from ngc.ir import Graph
from ngc.ir.rewrite import RuleHooks
from ngc.passes.value_ranges import Quantization
from ngc.target import CpuTarget

if TYPE_CHECKING:
    from ngc.passes.manager import Instrument


@dataclass
class PassContext:
    """What passes may ask beyond the graph.

    Attributes:
        target: the processor that code is made for.
        numerics: the numeric contract, "fast" or "exact".
        hooks: of instruments, around rule firings.
        quantization: calibrated ranges and how to quantize by them.
        calibrate: returns those for the graph that is to be quantized, where `quantization` is not given.
        disabled: patterns of passes that are left out, which pipelines within passes leave out too.
        verify_each: whether passes that run others verify after each of them, as the pipeline around them does.
        own_passes: passes of the user's by name, which passes that run others take in place of registered ones.
        region_instruments: instruments that watch the passes inside regions too; they put themselves there when they are started.
    """

    target: CpuTarget | None = None
    numerics: str = "fast"
    hooks: RuleHooks = field(default_factory=RuleHooks)
    quantization: Quantization | None = None
    calibrate: Callable[[Graph], Quantization] | None = None
    disabled: tuple[str, ...] = ()
    verify_each: bool = False
    own_passes: Mapping[str, type["Pass"]] = field(default_factory=dict)
    region_instruments: list["Instrument"] = field(default_factory=list)


@dataclass(frozen=True)
class Pass(ABC):
    """One transformation of a graph. Valid IR in, valid IR out; no state between runs."""

    name: ClassVar[str]
    required: ClassVar[bool] = False
    """Whether what comes later relies on it, so that it cannot be switched off."""
    declares: ClassVar[str] = ""
    """The stage that the graph reaches with it."""
    enters: ClassVar[bool] = True
    """Whether it also works on the regions of loops and conditionals, each as on a graph of its own."""

    @abstractmethod
    def run(self, graph: Graph, ctx: PassContext) -> bool:
        """Transforms the graph in place; returns whether it changed anything."""

    @property
    def spec(self) -> str:
        """The pass and its options that differ from the defaults, as pipelines are written: `fuse-conv{acts=relu,clip}`."""
        options = [f"{option.name.replace('_', '-')}={_spell(getattr(self, option.name))}" for option in fields(self)
                   if getattr(self, option.name) != default_of(option)]
        return self.name + ("{" + " ".join(options) + "}" if options else "")

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> "Pass":
        """Returns the pass with options given as text.

        Raises:
            PassError: an option that the pass does not have, or a value of the wrong type.
        """
        hints = get_type_hints(cls)
        known = {option.name.replace("_", "-"): option.name for option in fields(cls)}
        values = {}
        for key, text in options.items():
            name = known.get(key.replace("_", "-"))
            if name is None:
                raise PassError(f"pass {cls.name} has no option {key!r}; it takes {', '.join(known) or 'none'}")
            values[name] = _parse(text, hints[name], f"option {key} of pass {cls.name}")
        return cls(**values)


def run_pass(item: Pass, graph: Graph, ctx: PassContext) -> bool:
    """Runs a pass on a graph, then on the regions of its loops and conditionals, whose events join the graph's; returns whether it changed anything."""
    changed = item.run(graph, ctx)
    if not item.enters:
        return changed
    for region in (region for node in graph.nodes if node.has_trait("control") for region in node.regions):
        before = len(region.events)
        changed |= run_pass(item, region, ctx)
        for event in region.events.events[before:]:
            graph.events.record(event.pass_name, event.rule, event.status, event.node, event.reason, event.locs)
    return changed


def default_of(option: Field[Any]) -> Any:
    """Returns the value that an option has where none is given."""
    return option.default_factory() if option.default_factory is not MISSING else option.default


def _spell(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_spell, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse(text: str, kind: Any, where: str) -> Any:
    if get_origin(kind) is tuple:
        return tuple(_parse(item, get_args(kind)[0], where) for item in text.split(",") if item)
    if isinstance(kind, UnionType):
        if text == "None":
            return None
        kind = next(option for option in get_args(kind) if option is not NoneType)
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise PassError(f"{where} takes {kind.__name__}, not {text!r}") from None
