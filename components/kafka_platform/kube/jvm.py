"""The memory of a Java program in a pod."""

from dataclasses import dataclass

from kafka_platform.values.units import quantity


@dataclass(frozen=True, kw_only=True)
class JvmMemory:
    """What a program needs besides its heap, each with a bound, in MiB."""

    metaspace: int
    code: int
    direct: int
    outside: int
    """All that is not heap: the three above, and the stacks of threads."""

    def options(self, memory: str) -> list[str]:
        """Options of the JVM with which all parts together fit into a pod of that memory; the heap is what is left."""
        heap = int(quantity(memory)) // 2**20 - self.outside
        return [
            f"-Xmx{heap}m",
            f"-XX:MaxMetaspaceSize={self.metaspace}m",
            f"-XX:ReservedCodeCacheSize={self.code}m",
            f"-XX:MaxDirectMemorySize={self.direct}m",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
        ]
