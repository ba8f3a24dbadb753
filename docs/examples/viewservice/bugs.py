"""Bugs that primary and backup can have; the suite finds each of them."""

from __future__ import annotations

from views import Op, Server, View, ViewServer


class ReadsAlone(Server):
    """A primary that answers gets without asking its backup: it may have been replaced."""

    async def _agreed(self, args: Op) -> bool:
        return True if args.value is None else await super()._agreed(args)


class ForgetsTheTable(Server):
    """A primary that has its new backup start with nothing."""

    async def _transfer(self, view: View) -> bool:
        self._data, data = {}, self._data
        try:
            return await super()._transfer(view)
        finally:
            self._data = data


class CountsTwice(Server):
    """Does a repeated put again."""

    def _apply(self, args: Op) -> None:
        if args.value is not None:
            self._data[args.key] = args.value


class HurriesOn(ViewServer):
    """Makes a backup primary that may never have been given the table."""

    def _may_promote(self) -> bool:
        return True
