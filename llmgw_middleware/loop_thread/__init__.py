"""One background event loop per process, for hosts that have none.

Nothing exists before the first use: no thread, no loop, no socket. A forked child starts its own. A call through the
thread costs tens of microseconds; a stream is pulled, one step in flight per chunk, so a caller who stops reading
stops the upstream, and a step that waits can be cancelled.
"""

from __future__ import annotations

from llmgw_middleware.loop_thread.stream import HEARTBEAT, POLL, CallerGone, SyncStream, let_go
from llmgw_middleware.loop_thread.thread import GRACE, LoopThread
from llmgw_middleware.loop_thread.unpatched import original

__all__ = ["GRACE", "HEARTBEAT", "POLL", "CallerGone", "LoopThread", "SyncStream", "let_go", "original"]
