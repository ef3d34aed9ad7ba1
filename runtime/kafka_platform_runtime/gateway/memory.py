"""What becomes of memory that is not used any more."""

import gc

from kafka_platform_runtime.gateway import unpacking


def settle() -> None:
    """Keep the collector away from what is there now, which stays for good, and let it run rarely.

    Requests leave few cycles behind, so each run of it would mostly look at objects that are in use. Its oldest generation
    is then looked at once in 200 million allocations, which is never: `give_back` does it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def give_back() -> None:
    """Free what only cycles hold, and give the system what malloc keeps in pieces.

    Such a cycle is a task and the traceback of its error, with the records in its frames. At rest it takes 5 ms. Other threads wait while the collector runs, a tenth of a second for each million objects.
    """
    gc.collect()
    unpacking.trim()
