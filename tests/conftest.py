"""What all tests share: which of them run, and the order in which their files begin."""

import pytest

from tests.order import ordered
from tests.tiers import IS_LONG, REASON


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def file(item: pytest.Item) -> str:
        return item.path.relative_to(config.rootpath).as_posix()

    rank = {name: number for number, name in enumerate(ordered(dict.fromkeys(map(file, items))))}
    items.sort(key=lambda item: rank[file(item)])
    for item in items:
        if not IS_LONG and item.get_closest_marker("long") is not None:
            item.add_marker(pytest.mark.skip(reason=REASON))
