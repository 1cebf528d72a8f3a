"""How much of a submission is ever read. What is over a limit is reported, never read in silence."""

FILES_MAX = 5_000
TEXT_BYTES_MAX = 2_000_000  # README, JSON, requirements
SCRIPT_BYTES_MAX = 4_000_000  # a script, before and after unpacking
LOG_BYTES_MAX = 64_000_000  # of one log, from its start
LOGS_BYTES_MAX = 256_000_000  # of all logs of a folder
UNPACK_LAYERS_MAX = 8
JSON_DEPTH_MAX = 64
LINE_CHARACTERS_MAX = 20_000  # of a line of a log; what is beyond is not looked at
