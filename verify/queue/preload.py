"""Everything a worker needs, imported once in the server process that all workers are forked from."""

import verify.audit
import verify.git.tree
import verify.queue.features
import verify.queue.work
import verify.report.as_json
import verify.rule
import verify.stats.leaderboard

verify.rule.all_rules()
verify.stats.leaderboard.Leaderboard.load()
