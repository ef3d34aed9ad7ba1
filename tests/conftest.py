"""What all tests share: the order in which their files begin."""

import pytest

from tests.order import ordered


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def file(item: pytest.Item) -> str:
        return item.path.relative_to(config.rootpath).as_posix()

    rank = {name: number for number, name in enumerate(ordered(dict.fromkeys(map(file, items))))}
    items.sort(key=lambda item: rank[file(item)])
