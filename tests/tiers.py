"""Which tests run when.

`make test` has one real case of every part, and every attack and misuse. A test marked `pytest.mark.long` proves a
guarantee once more (for another engine, fault, format or step of a life) at the cost of a deployment or of minutes;
`make test-long` runs those too, and others with more records.
"""

import os

IS_LONG = "TEST_LONG" in os.environ
"""Whether this run takes as long as it needs."""
REASON = "takes minutes: `make test-long` runs it"
