"""The contract of a scenario: what a guest promises and what it is given."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lingjing.decision.work import Text, Work
from lingjing.forecast.outcomes import Outcome
from lingjing.forecast.outlook import Outlook
from lingjing.forecast.readings import Heard
from lingjing.twin.contract import Twin
from lingjing.vocabulary import Window

API_NUMBER = 1
"""Number of this contract; it goes up when a guest would have to change."""

AlarmLevel = Literal["watch", "act"]


@dataclass(frozen=True, slots=True)
class Action:
    """An action that a scenario may propose, as its manifest declares it."""

    name: str
    title_zh: str
    title_en: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A scenario's promises, read from `manifest.toml` before its code is imported.

    Attributes:
        id: Unique, lower case (`coldwave`).
        api: Contract number it was written for.
        title_zh, title_en: Titles for people.
        summary_zh, summary_en: What it foresees, in a sentence.
        needs: Names of the forcings it reads.
        kinds: Kinds of entity it looks at.
        emits: Names of the quantities its outcomes may carry.
        actions: Actions its work may name.
        time_limit_s: Longest it may compute before the engine stops it.
        package: Importable package that holds it.
        class_name: Name of the `Scenario` subclass in that package.
        listens: Names of the quantities whose sensors it listens to: see `Outlook.readings`.
    """

    id: str
    api: int
    title_zh: str
    title_en: str
    summary_zh: str
    summary_en: str
    needs: tuple[str, ...]
    kinds: tuple[str, ...]
    emits: tuple[str, ...]
    actions: tuple[Action, ...]
    time_limit_s: float
    package: str
    class_name: str
    listens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """That this weather concerns the scenario, how seriously, and why."""

    level: AlarmLevel
    text: Text


@dataclass(frozen=True)
class Foreseen:
    """What a scenario computed: its outcomes, and remarks for the summary.

    Attributes:
        outcomes: One a kind and quantity.
        remarks: Sentences for the summary.
        window: The hours it is about, so that work can name local times.
        facts: Numbers about the weather that reasons quote, by name with their unit
            (`coldest_hour`, `lowest_air_temperature_p50_C`).
        heard: What became of every sensor's word, where the scenario listens: `Outlook.heard` with
            its own judgement added.
    """

    outcomes: tuple[Outcome, ...]
    remarks: tuple[Text, ...] = ()
    window: Window | None = None
    facts: Mapping[str, float] = field(default_factory=dict)
    heard: tuple[Heard, ...] = ()

    def of(self, quantity: str) -> tuple[Outcome, ...]:
        """The outcomes of one quantity, one a kind."""
        return tuple(item for item in self.outcomes if item.quantity == quantity)


@dataclass(frozen=True)
class Remedy:
    """Something that would change what is foreseen for one asset, to be computed for it.

    Attributes:
        id: Unique among the asset's remedies (`insulate_30`).
        title: What is done, for people.
        caveat: What the answer leaves out, and what the remedy costs beside work.
        sets: Attribute → value the asset then has.
        effort_minutes: Work of a crew [min].
        amount: Material it takes, in `amount_unit`; 0 for none.
        amount_unit: Unit of the material.
        empties: It takes the water out, so nothing of the asset can freeze: not computed, certain.
    """

    id: str
    title: Text
    caveat: Text
    sets: Mapping[str, float | str | bool] = field(default_factory=dict)
    effort_minutes: float = 0.0
    amount: float = 0.0
    amount_unit: str = ""
    empties: bool = False


class Progress:
    """Takes reports of progress; this one keeps silent, the engine passes one that is shown."""

    def report(self, done: float, text: Text) -> None:
        """Say that the share `done` (0 to 1) is finished."""


class Scenario(abc.ABC):
    """A guest of the twin.

    Pure: no clock, network or files; the seed and all data come in. The same arguments give the
    same bytes.
    """

    @abc.abstractmethod
    def wake(self, outlook: Outlook) -> Alarm | None:
        """Whether this weather concerns the scenario; None lets it sleep."""

    @abc.abstractmethod
    def foresee(self, twin: Twin, outlook: Outlook, *, seed: int, progress: Progress) -> Foreseen:
        """Compute the promised quantities."""

    @abc.abstractmethod
    def answer(self, twin: Twin, foreseen: Foreseen) -> Sequence[Work]:
        """Propose work; ranking is not the guest's business."""

    def review(self, twin: Twin, foreseen: Foreseen, observed: Sequence[Outcome]) -> Sequence[Text]:
        """Afterwards: what came true, in sentences. By default, nothing is said."""
        del twin, foreseen, observed
        return ()

    def remedies(self, twin: Twin, asset: str, foreseen: Foreseen) -> Sequence[Remedy]:
        """What could be done for one asset; the engine computes each of them.

        Args:
            twin: Holds the asset and what stands around it.
            asset: Its id.
            foreseen: What is foreseen for it as it is, so that a remedy can come before the onset.

        Returns:
            By default, nothing.
        """
        del twin, asset, foreseen
        return ()
