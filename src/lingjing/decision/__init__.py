"""Rank work; every number carries its reason."""

from lingjing.decision.rank import RankingPolicy, rank, score
from lingjing.decision.work import Plan, Ranked, Reason, Text, Work

__all__ = ["Plan", "Ranked", "RankingPolicy", "Reason", "Text", "Work", "rank", "score"]
