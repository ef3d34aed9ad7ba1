"""Whole files."""

CASES: list[tuple[str, str]] = [
    ("", "config: missing, the file is empty: write `config:` and `kafka-platform:platform:` below it"),
    (
        "# only a comment\n",
        "config: missing, the file is empty: write `config:` and `kafka-platform:platform:` below it",
    ),
    ("- a\n", "config: missing, the file is a list: write `config:` and `kafka-platform:platform:` below it"),
    ("kafka-platform:platform: {}\n", "config: missing: write `config:` and `kafka-platform:platform:` below it"),
    ("config:\n", "config: missing: write `config:` and `kafka-platform:platform:` below it"),
    ("config: 3\n", "config: missing: write `config:` and `kafka-platform:platform:` below it"),
    (
        """\
cofnig:
  kafka-platform:platform: {}
""",
        "cofnig: unknown key: did you mean 'config'?",
    ),
    (
        """\
config:
  aws:region: eu-west-1
""",
        "config.kafka-platform:platform: missing: write `kafka-platform:platform:` below `config:`",
    ),
    (
        """\
config:
  kafka-platform:platfrom: {}
""",
        "config.kafka-platform:platfrom: unknown key: did you mean 'kafka-platform:platform'?",
    ),
    (
        """\
config:
  kafka-platform:platform: {}
  kafka-platform:topics: {}
""",
        "config.kafka-platform:topics: unknown key: did you mean 'kafka-platform:platform'?",
    ),
    (
        """\
config:
  kafka_platform:platform: {}
""",
        "config.kafka_platform:platform: unknown key: did you mean 'kafka-platform:platform'?",
    ),
    ("config:\n  kafka-platform:platform:\n\ttopics: {}\n", "line 3: a tab stands in the indentation: write spaces"),
    (
        """\
config:
  kafka-platform:platform:
    topics: {orders: {partitions: 3}
""",
        "line 3: a { or [ is not closed: close it, with commas between its parts",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics:
      orders: {}
      orders: {partitions: 3}
""",
        "line 5: 'orders' stands here and on line 4: keep one of them",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka: nodes: 3
""",
        "line 3: a second ': ' stands in the line: put text with ': ' in quotes, or indent keys alike",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka:
      nodes: 3
     storage: 1Gi
""",
        "line 5: the indentation does not fit: put keys of the same level below each other",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka:
      version: '4.3.1
""",
        "line 4: a quote is not closed: close it",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics: *all
""",
        "line 3: the name after * is not defined: define it as &name before it is used as *name",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics: {? [a, b] : {}}
""",
        "line 3: a key is not a single word: write `key: value`",
    ),
    (
        """\
config:
  kafka-platform:platform:
    namespace: @streaming
""",
        "line 3: text begins with a character that has a meaning in YAML: put the text in quotes",
    ),
    (
        """\
config:
  kafka-platform:platform: &a
    topics: *a
""",
        "file: a part of it contains itself: write it out plainly",
    ),
    (
        """\
config:
  kafka-platform:platform: {}
---
config: {}
""",
        "line 3: a second document begins: keep one, without ---",
    ),
    (
        """\
config:
  kafka-platform:platform:
    namespace: !!python/name:os.system
""",
        "line 3: a value has a !tag: write a plain value",
    ),
    (
        'config:\n  kafka-platform:platform:\n    namespace: "a\\x00b"\n',
        "namespace: 'a\\x00b' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "config:\n  kafka-platform:platform:\n    namespace: a\x07b\n",
        "file: has the unprintable character U+0007: remove it",
    ),
    (
        """\
encryptionsalt: v1:abc
config:
  kafka-platform:platform:
    nodes: 3
""",
        "nodes: unknown key: did you mean kafka.nodes?",
    ),
    (
        """\
config:
  kafka-platform:platform:
    kafka:
      nodes 3
      storage: 1Gi
""",
        "line 5: a second ': ' stands in the line: put text with ': ' in quotes, or indent keys alike",
    ),
    (
        """\
config:
  kafka-platform:platform:
    namespace: !!binary aGVsbG8=
""",
        "line 3: a value has a !tag: write a plain value",
    ),
    (
        """\
config:
  kafka-platform:platform:
    topics: {orders: [1, 2}
""",
        "line 3: a { or [ is not closed: close it, with commas between its parts",
    ),
]
