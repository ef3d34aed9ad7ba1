"""What happens to memory that is no longer used."""

import gc

from kafka_platform_runtime.gateway import unpacking


def settle() -> None:
    """Exclude what exists now, which stays for good, from garbage collection, and collect rarely.

    Requests leave few cycles behind, so each collection would mostly examine objects in use. The oldest generation
    is then collected once in 200 million allocations, which is never: `give_back` does it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def give_back() -> None:
    """Free what only cycles hold, and return malloc's free fragments to the system.

    Such a cycle is a task and the traceback of its error, with the records in its frames. At rest it takes 5 ms. Other
    threads wait while the collector runs, a tenth of a second for each million objects.
    """
    gc.collect()
    unpacking.trim()
