"""Rank work and say how far the means reach; every number carries its reason."""

from lingjing.decision.allocate import allocate
from lingjing.decision.budget import Budget, budget_of
from lingjing.decision.rank import RankingPolicy, rank, score
from lingjing.decision.work import BudgetUse, Plan, Ranked, Reason, Text, Use, Work

__all__ = [
    "Budget",
    "BudgetUse",
    "Plan",
    "Ranked",
    "RankingPolicy",
    "Reason",
    "Text",
    "Use",
    "Work",
    "allocate",
    "budget_of",
    "rank",
    "score",
]
