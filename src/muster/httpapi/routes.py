"""Every route of the native API. Dispatch, `/openapi.json` and the reference page are made from this table."""

from __future__ import annotations

from typing import Final

from muster.httpapi import bodies
from muster.httpapi.operations import Operations
from muster.httpapi.policies import Policies
from muster.httpapi.reads import Reads
from muster.httpapi.targets import Group
from muster.httpapi.writes import Writes
from muster.model import limits
from muster.model.policy import Policy
from muster.web.router import Parameter, Route
from muster.wire import answers
from muster.wire.registration import RegisterBody
from muster.wire.view import InstanceList

ONE: Final = "/v1/instances/{id}"
GENERATION: Final = Parameter(
    "generation", "Only if the id is still held by the registration of this generation."
)
FILTERS: Final = (
    Parameter("zone", "Only instances of this zone."),
    Parameter("region", "Only instances of this region."),
    Parameter("version", "Only instances of this version."),
    Parameter("subset", "Only instances of this deployment group."),
    Parameter("tag", "Only instances with this tag; several must all be there.", repeated=True),
    Parameter("status", "Only instances of these statuses, instead of the discoverable ones.", repeated=True),
    Parameter("all", "Instances of every status."),
)
ADDRESSED: Final = ("unknown_instance", "superseded", "not_owner")
WRITTEN: Final = ("store_unavailable", "overloaded")


def routes(reads: Reads, writes: Writes, policies: Policies, operations: Operations) -> list[Route]:
    return [
        *_registering(writes),
        *_changing(writes),
        *_telling(writes),
        *_looking(reads),
        *_streaming(reads),
        *_steering(policies),
        *_operating(operations),
        *_living(operations),
    ]


def _registering(writes: Writes) -> list[Route]:
    return [
        Route(
            "POST",
            "/v1/register",
            writes.register,
            "Register an instance, or say again what it is.",
            body=RegisterBody,
            returns=answers.Registered,
            status=201,
            body_limit=limits.BODY_BYTES,
            errors=("superseded", "draining", "not_owner", "limit_reached", *WRITTEN),
        ),
        Route(
            "PUT",
            "/v1/heartbeat/{id}",
            writes.heartbeat_slow,
            "Renew a lease.",
            hot=writes.heartbeat,
            query=(GENERATION,),
            status=204,
            errors=(*ADDRESSED, *WRITTEN),
            body_limit=limits.NO_BODY_BYTES,
        ),
        Route(
            "POST",
            "/v1/heartbeats",
            writes.heartbeats_slow,
            "Renew many leases.",
            hot=writes.heartbeats,
            body=bodies.Heartbeats,
            returns=bodies.Renewed,
            body_limit=limits.BATCH_BODY_BYTES,
        ),
    ]


def _changing(writes: Writes) -> list[Route]:
    return [
        Route(
            "PATCH",
            ONE,
            writes.amend,
            "Change weight, metadata, tags, readiness, or an operator's override.",
            query=(GENERATION,),
            body=bodies.Amendment,
            returns=bodies.InstanceDetail,
            body_limit=limits.BODY_BYTES,
            errors=(*ADDRESSED, *WRITTEN),
        ),
        Route(
            "DELETE",
            ONE,
            writes.deregister,
            "Deregister.",
            query=(GENERATION,),
            status=204,
            errors=(*ADDRESSED, *WRITTEN),
        ),
        Route(
            "POST",
            f"{ONE}/drain",
            writes.drain,
            "Take the instance out and wait until its callers know.",
            query=(GENERATION, Parameter("wait", "How long to wait for acknowledgements, such as 5s.")),
            returns=answers.DrainAnswer,
            errors=(*ADDRESSED, *WRITTEN),
            body_limit=limits.NO_BODY_BYTES,
        ),
    ]


def _telling(writes: Writes) -> list[Route]:
    return [
        Route(
            "POST",
            f"{ONE}/suspect",
            writes.suspect_slow,
            "Report a failed call: the registry will look for itself.",
            hot=writes.suspect,
            query=(GENERATION,),
            body=bodies.Suspect,
            returns=bodies.Accepted,
            status=202,
            body_limit=limits.SMALL_BODY_BYTES,
            body_optional=True,
            errors=("unknown_instance", "too_many_reports"),
        ),
        Route(
            "POST",
            f"{ONE}/check",
            writes.check,
            "Push a result of a ttl check.",
            query=(GENERATION,),
            body=bodies.CheckResult,
            returns=bodies.HealthNow,
            body_limit=limits.BODY_BYTES,
            errors=(*ADDRESSED, "unknown_check", *WRITTEN),
        ),
        Route(
            "POST",
            "/v1/acks",
            writes.acks,
            "Acknowledge revisions a stream asked to be acknowledged.",
            hot=writes.acks,
            body=bodies.Acks,
            status=204,
            body_limit=limits.BODY_BYTES,
        ),
    ]


def _looking(reads: Reads) -> list[Route]:
    return [
        Route(
            "GET",
            "/v1/services",
            reads.services,
            "Every service, with its instances by status.",
            returns=answers.Services,
        ),
        Route(
            "GET",
            "/v1/services/{name}/instances",
            reads.instances_slow,
            "The instances callers may use.",
            hot=reads.instances,
            returns=InstanceList,
            errors=("unknown_service",),
            query=(
                *FILTERS,
                Parameter(
                    "index",
                    "Answer when the service's revision is above this (the Muster-Index of the last answer).",
                ),
                Parameter("wait", "How long to wait for that, such as 30s."),
            ),
        ),
        Route(
            "GET",
            "/v1/instances/{id}",
            reads.instance,
            "Everything known of one instance.",
            returns=bodies.InstanceDetail,
            errors=("unknown_instance",),
        ),
        Route(
            "GET",
            "/v1/explain",
            reads.explain,
            "Why callers do or do not get an instance.",
            query=(
                Parameter("service", "The service asked for."),
                Parameter("id", "The instance."),
                Parameter("zone", "The caller's zone."),
            ),
            returns=bodies.Explanation,
            errors=("unknown_instance",),
        ),
        Route(
            "GET",
            "/v1/history",
            reads.history,
            "The last changes, the latest first.",
            query=(
                Parameter("service", "Only changes of this service."),
                Parameter("id", "Only changes of this instance."),
                Parameter("limit", f"How many, {limits.HISTORY_PAGE} if not given."),
            ),
            returns=bodies.HistoryPage,
        ),
    ]


def _streaming(reads: Reads) -> list[Route]:
    return [
        Route(
            "GET",
            "/v1/watch",
            reads.watch_slow,
            "A stream of services: snapshots, then every change.",
            hot=reads.watch,
            media="text/event-stream",
            errors=("unknown_instance", "superseded", "overloaded", "stopping", "try_another"),
            query=(
                Parameter("service", "A service to watch.", repeated=True),
                *FILTERS,
                Parameter("after", "Resume after this message id (or send it as Last-Event-ID)."),
                Parameter(
                    "session", "Carry the session of this instance: ID or ID@GENERATION.", repeated=True
                ),
                Parameter("ack", "This reader will acknowledge when asked."),
            ),
        ),
        Route(
            "GET",
            "/v1/instances/{id}/session",
            reads.session_slow,
            "A stream whose loss makes the registry look at once.",
            hot=reads.session,
            media="text/event-stream",
            query=(GENERATION,),
            errors=("unknown_instance", "superseded", "not_owner", "overloaded", "stopping", "try_another"),
        ),
    ]


def _steering(policies: Policies) -> list[Route]:
    one = "/v1/policies/{service}"
    return [
        Route(
            "GET",
            one,
            policies.read,
            "The traffic policy of a service.",
            returns=bodies.ServicePolicy,
            errors=("unknown_policy",),
        ),
        Route(
            "PUT",
            one,
            policies.write,
            "Set the policy: the whole document. If-Match with the revision that was read: only if nobody else did meanwhile.",
            body=Policy,
            returns=bodies.ServicePolicy,
            body_limit=limits.POLICY_BYTES,
            errors=("changed_meanwhile", "limit_reached", *WRITTEN),
        ),
        Route(
            "DELETE",
            one,
            policies.remove,
            "Remove the policy: the defaults hold.",
            status=204,
            errors=("unknown_policy", "changed_meanwhile", *WRITTEN),
        ),
    ]


def _operating(operations: Operations) -> list[Route]:
    return [
        Route(
            "GET",
            "/v1/guard",
            operations.guard,
            "What the guard holds, and why.",
            returns=answers.GuardReport,
        ),
        Route(
            "POST",
            "/v1/guard/release",
            operations.release,
            "End a hold.",
            body=bodies.Release,
            returns=answers.GuardReport,
            errors=("not_held",),
            body_limit=limits.SMALL_BODY_BYTES,
            body_optional=True,
        ),
        Route("GET", "/v1/status", operations.status, "The registry itself.", returns=bodies.Status),
        Route(
            "GET",
            "/v1/backup",
            operations.backup,
            "The store as one file.",
            media="application/octet-stream",
            guarded=True,
            errors=("store_unavailable",),
        ),
        Route(
            "GET",
            "/v1/prometheus/sd",
            operations.targets,
            "Everything registered, as targets for Prometheus' http_sd_configs.",
            returns=list[Group],
            errors=("unsettled",),
            query=(
                Parameter("service", "Only this service; may be given several times.", repeated=True),
                Parameter(
                    "port", "The endpoint to scrape, by name; if not given, `metrics`, or else the first."
                ),
                *FILTERS,
            ),
        ),
        Route("GET", "/metrics", operations.metrics, "Prometheus metrics.", media="text/plain"),
        Route("GET", "/openapi.json", operations.openapi, "This API, as OpenAPI 3.1."),
    ]


def _living(operations: Operations) -> list[Route]:
    return [
        Route("GET", "/", operations.index, "Who this is.", hot=operations.index, media="text/plain"),
        Route(
            "GET",
            "/livez",
            operations.livez,
            "The process works.",
            hot=operations.livez,
            returns=bodies.Alive,
        ),
        Route(
            "GET",
            "/readyz",
            operations.readyz,
            "The registry serves.",
            hot=operations.readyz,
            returns=bodies.Ready,
            errors=("stopping",),
        ),
    ]
