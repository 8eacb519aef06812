"""Pages of prices, of the portfolio, of insights and of news."""

from django.urls import path

from crypto_api.dashboard import views_insights, views_news, views_portfolio, views_price_alerts, views_prices

pages = [
    path("portfolio/", views_portfolio.portfolio_page, name="portfolio"),
    path("portfolio/movements/", views_portfolio.movements_page, name="portfolio-movements"),
    path("insights/", views_insights.insights_page, name="insights"),
    path("news/", views_news.news_page, name="news"),
    path("fragments/news/feeds/", views_news.feeds_fragment, name="news-feeds"),
    path("fragments/news/", views_news.rows_fragment, name="news-fragment"),
    path("fragments/insights/sentences/", views_insights.sentences_fragment, name="insights-sentences"),
    path("fragments/insights/", views_insights.figures_fragment, name="insights-fragment"),
    path("fragments/portfolio/", views_portfolio.figures_fragment, name="portfolio-fragment"),
    path("fragments/portfolio/positions/", views_portfolio.positions_fragment, name="portfolio-positions-fragment"),
    path("fragments/portfolio/series/", views_portfolio.series, name="portfolio-series"),
    path("fragments/portfolio/movements/", views_portfolio.movements_fragment, name="portfolio-movements-fragment"),
    path("prices/", views_prices.rates_page, name="prices"),
    path("prices/enter/", views_prices.enter, name="price-enter"),
    path("prices/unpriced/", views_prices.unpriced_page, name="unpriced"),
    path("prices/unpriced/retry/", views_prices.retry, name="unpriced-retry"),
    path("prices/alerts/", views_price_alerts.alerts_page, name="price-alerts"),
    path("prices/alerts/add/", views_price_alerts.add_alert, name="price-alert-add"),
    path("prices/alerts/<str:alert_id>/", views_price_alerts.edit_page, name="price-alert"),
    path("prices/alerts/<str:alert_id>/pause/", views_price_alerts.pause, name="price-alert-pause"),
    path("prices/alerts/<str:alert_id>/acknowledge/", views_price_alerts.acknowledge, name="price-alert-acknowledge"),
    path("prices/alerts/<str:alert_id>/delete/", views_price_alerts.delete_alert, name="price-alert-delete"),
    path("fragments/prices/", views_prices.rates_fragment, name="prices-fragment"),
    path("fragments/prices/unpriced/", views_prices.unpriced_fragment, name="unpriced-fragment"),
    path("fragments/prices/alerts/", views_price_alerts.alerts_fragment, name="price-alerts-fragment"),
    path("fragments/overview/alerts/", views_price_alerts.notices_fragment, name="alert-notices-fragment"),
]
