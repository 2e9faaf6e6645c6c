"""The branches of a ledger at hand, so that asking for one costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from lingjing.twin.ledger import TRUNK, Branch
from lingjing.vocabulary import LingjingError

_LONGEST_NAME = 255


class BranchBook:
    """Tenants and living branches; may be asked from any thread, and is changed by the clerk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.fill({}, ())

    def fill(self, tenants: dict[str, int], branches: Iterable[Branch]) -> None:
        """Take over what is stored: tenants with their keys, and all living branches."""
        by_key = {branch.key: branch for branch in branches}
        named = {(branch.tenant, branch.name): branch for branch in by_key.values()}
        youngest: dict[int, int] = {}
        for branch in by_key.values():
            if branch.parent is not None:
                youngest[branch.parent] = max(youngest.get(branch.parent, -1), branch.base)
        chains: dict[int, tuple[Branch, ...]] = {}
        for branch in by_key.values():
            chain = [branch]
            while chain[-1].parent is not None:
                chain.append(by_key[chain[-1].parent])
            chains[branch.key] = tuple(chain)
        with self._lock:
            self._tenants = dict(tenants)
            self._by_key = by_key
            self._named = named
            self._youngest = youngest
            self._chains = chains

    def tenants(self) -> list[str]:
        """All tenants, in order."""
        return sorted(self._tenants)

    def tenant_key(self, tenant: str) -> int:
        """Key of a tenant; -1 where there is none."""
        return self._tenants.get(tenant, -1)

    def branches(self, tenant: str) -> list[Branch]:
        """Living branches of a tenant, the trunk first, then as they were made."""
        found = [branch for branch in self._by_key.values() if branch.tenant == tenant]
        return sorted(found, key=lambda branch: branch.key)

    def branch(self, tenant: str, name: str) -> Branch:
        """A living branch.

        Raises:
            LingjingError: `twin.no-tenant`, `twin.no-branch`.
        """
        found = self._named.get((tenant, name))
        if found is not None:
            return found
        if tenant not in self._tenants:
            known = ", ".join(repr(item) for item in self.tenants())
            raise LingjingError("twin.no-tenant", name=tenant, known=known)
        raise self._no_branch(tenant, name)

    def trunk(self, tenant: str) -> Branch | None:
        """A tenant's trunk; None where there is no such tenant."""
        return self._named.get((tenant, TRUNK))

    def require(self, branch: Branch) -> None:
        """Refuse a branch that is gone.

        Raises:
            LingjingError: `twin.no-branch`.
        """
        if branch.key not in self._by_key:
            raise self._no_branch(branch.tenant, branch.name)

    def chain(self, branch: Branch) -> tuple[Branch, ...]:
        """A branch and its ancestors.

        Raises:
            LingjingError: `twin.no-branch`.
        """
        found = self._chains.get(branch.key)
        if found is None:
            raise self._no_branch(branch.tenant, branch.name)
        return found

    def seen_by_child(self, branch: Branch, revision: int) -> bool:
        """Whether a branch made from this one still sees a state of that revision."""
        return revision <= self._youngest.get(branch.key, -1)

    def has_children(self, branch: Branch) -> bool:
        """Whether branches were made from it."""
        return branch.key in self._youngest

    def _no_branch(self, tenant: str, name: str) -> LingjingError:
        known = ", ".join(branch.name for branch in self.branches(tenant)) or "—"
        return LingjingError("twin.no-branch", name=name, known=known)


def check_branch_name(name: str) -> None:
    """Refuse what cannot be the name of a branch or tenant.

    Raises:
        LingjingError: `twin.bad-branch-name`.
    """
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise LingjingError("twin.bad-branch-name", name=name)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise LingjingError("twin.bad-branch-name", name=ascii(name)) from error
