"""News over real HTTP: what was kept, latest first, and that nothing is configured."""

from datetime import UTC, datetime

from crypto_api.news.documents import NewsItem
from tests.http.conftest import Join

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


async def test_the_list_says_whether_a_feed_is_configured(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    empty = (await ada.http.get("/api/ai/crypto-news/")).json()
    assert (empty["items"], empty["next_cursor"], empty["configured"]) == ([], None, False)
    for day in (1, 2, 3):
        told = {"source": "news.example", "summary": "S", "link": f"https://news.example/{day}"}
        await NewsItem(id=f"n{day}", created_at=AT, title=f"T{day}", published_at=AT.replace(day=day), **told).insert()
    first = (await ada.http.get("/api/ai/crypto-news/?limit=2")).json()
    assert [row["title"] for row in first["items"]] == ["T3", "T2"]
    assert first["items"][0] == {
        "id": "n3",
        "source": "news.example",
        "title": "T3",
        "summary": "S",
        "link": "https://news.example/3",
        "published_at": "2026-11-03T09:30:00.000Z",
    }
    rest = (await ada.http.get(f"/api/ai/crypto-news/?limit=2&cursor={first['next_cursor']}")).json()
    assert ([row["title"] for row in rest["items"]], rest["next_cursor"]) == (["T1"], None)
