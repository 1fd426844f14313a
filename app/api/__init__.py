"""Every group of routes, in the order of their files."""

from fastapi import APIRouter

from app.api import (
    answers,
    audit,
    erasures,
    exports,
    frames,
    health,
    marks,
    papers,
    parts,
    releases,
    reports,
    review,
    session,
    slides,
    studies,
    system,
    uploads,
    users,
    volumes,
)

ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    uploads.router,
    parts.router,
    studies.router,
    marks.router,
    frames.router,
    slides.router,
    volumes.router,
    answers.router,
    reports.router,
    releases.router,
    exports.router,
    erasures.router,
    papers.router,
    review.router,
    audit.router,
    users.router,
    system.router,
    health.router,
)
