"""Operations that change something, succeed, and on purpose leave no record in the audit log; by their id, each with the reason."""

UNAUDITED = {
    "refresh": "happens by itself every quarter of an hour; the log-in stands in the log, and so does a token that came twice",
    "issue_ws_ticket": "opens one socket of a session that stands in the log, for half a minute; nothing is changed by it",
    "convert_amount": "reads: it is a POST because of its body",
}
