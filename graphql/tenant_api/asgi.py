"""The API as an ASGI application: `uvicorn tenant_api.asgi:create_app --factory`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from hub.services.parts import ApiParts
from tenant_api import graphiql
from tenant_api.documents import DocumentEndpoint
from tenant_api.endpoint import GraphQLEndpoint
from tenant_api.health import Health
from tenant_api.metrics import Meters
from tenant_api.webhooks import Webhooks


def create_app(parts: ApiParts | None = None) -> Starlette:
    """The application. Without parts it is built from the environment (`hub.bootstrap.build_api`)."""
    given = parts or _from_environment()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await given.close()

    return Starlette(routes=_routes(given), lifespan=lifespan)


def _routes(parts: ApiParts) -> list[BaseRoute]:
    meters, health = Meters(parts.metrics), Health(parts)
    endpoint, webhooks = GraphQLEndpoint(parts, meters), Webhooks(parts, meters)
    routes: list[BaseRoute] = [
        Route("/healthz", health.alive),
        Route("/readyz", health.ready),
        Route("/metrics", health.metrics),
        Route("/graphql", endpoint),
        Route("/{slug}/graphql", endpoint),
        Route("/{slug}/webhooks/{provider}", webhooks.webhook, methods=["POST"]),
        Route("/{slug}/returns/{provider}/{reference}", webhooks.came_back, methods=["GET", "POST"]),
        Route("/{slug}/documents/{token}", DocumentEndpoint(parts, meters).__call__),
    ]
    if parts.profile == "developer":
        files = StaticFiles(directory=Path(__file__).parent / graphiql.FILES)
        routes.insert(0, Mount("/graphiql", files))
    return routes


def _from_environment() -> ApiParts:
    from hub.bootstrap import build_api
    from hub.config import Settings
    from hub.worker.bell import make_bell

    settings = Settings()
    return build_api(settings, bell=make_bell(settings.broker_url, lasting=True))
