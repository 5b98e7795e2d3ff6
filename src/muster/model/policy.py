"""The traffic policy of a service: one document that says how its callers choose an instance and what they do about failures.

The library obeys it; the same document is rendered to Envoy and gRPC, so names, units and meaning are Envoy's wherever
Envoy has the thing: each field tells which of its API fields it becomes. A field that is left out keeps its default, and the
defaults are right for a service that has no document at all. Times are seconds, percents are whole.

`muster.wire.policy` reads and writes it; the other half, what is done about failures, is in `muster.model.resilience`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from . import limits
from .resilience import Breaker, Limits, OutlierDetection, Percent, Retries, Timeouts, seconds

FORMAT = 1

Label = Annotated[str, Meta(max_length=limits.LABEL_CHARS)]
Name = Annotated[str, Meta(min_length=1, max_length=limits.LABEL_CHARS)]

AtMostSubsets = Meta(max_length=limits.POLICY_SUBSETS)

BalancerName = Literal[
    "round_robin",
    "weighted_round_robin",
    "random",
    "weighted_random",
    "least_requests",
    "p2c",
    "p2c_peak_ewma",
    "ring_hash",
    "maglev",
]
LocalityMode = Literal["zone_aware", "failover", "none"]
Fallback = Literal["any_endpoint", "no_fallback", "default_subset"]


class Balancer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one endpoint is chosen among those that may be (`Cluster.load_balancing_policy`, package
    `envoy.extensions.load_balancing_policies`). May be written as its name alone.

    round_robin           in turn, whatever the weights                        RoundRobin
    weighted_round_robin  in turn, weights smoothly interleaved                RoundRobin with load_balancing_weight
    random                any                                                  Random
    weighted_random       any, in proportion to weight                         WrrLocality and weights; no exact twin
    least_requests        of all, the fewest outstanding requests by weight    LeastRequest.FULL_SCAN
    p2c                   of two drawn by weight, the fewer outstanding        LeastRequest.N_CHOICES, choice_count 2
    p2c_peak_ewma         of two, the lower peak latency x (outstanding + 1)   PeakEwma
    ring_hash             by key, ketama ring                                  RingHash, XX_HASH
    maglev                by key, Maglev table                                 Maglev

    Outstanding are this process's calls that are begun and not over; a bare `pick()` of the library is no call.

    decay               of the latency average (`PeakEwma.decay_time`)
    minimum_ring_size, maximum_ring_size    `RingHash`, same names; Envoy's own maximum is 8M
    table_size          `Maglev.table_size`; a prime
    hash_balance_factor    percent, 100 and more, for ring_hash and maglev: an owner that has more than this of the average number
                        of requests under way passes a key on; 0: never (`ConsistentHashingLbConfig`, same name)
    """

    name: BalancerName = "p2c"
    decay: Annotated[float, seconds()] = limits.PEAK_EWMA_DECAY_S
    minimum_ring_size: Annotated[int, Meta(ge=1, le=limits.RING_SIZE_LIMIT)] = limits.RING_SIZE
    maximum_ring_size: Annotated[int, Meta(ge=1, le=limits.RING_SIZE_LIMIT)] = limits.RING_SIZE_MAX
    table_size: Annotated[int, Meta(ge=2, le=limits.MAGLEV_TABLE_LIMIT)] = limits.MAGLEV_TABLE
    hash_balance_factor: Annotated[int, Meta(ge=0, le=limits.POLICY_COUNT_MAX)] = 0


class Locality(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How near an endpoint must be.

    mode    zone_aware: the caller's zone, as far as its share of the healthy capacity carries the callers there; the rest
                spills over in proportion to what other zones of the region have left (`CommonLbConfig.zone_aware_lb_config`)
            failover: levels zone, region, remote; a level is left by degrees (`LocalityLbEndpoints.priority`)
            none: as if all were in one place
    remote  whether other regions may be used when this one cannot carry the load. Off: they are never used.
    overprovisioning_factor    percent; a level counts as whole until healthy x factor falls below 100
                               (`ClusterLoadAssignment.Policy.overprovisioning_factor`)
    callers    zone -> how many callers are there, in any unit. Envoy learns it from `local_cluster_name`. Where nobody says,
               callers are taken to be spread evenly over the zones of the service and the caller's own.

    Ring hash and Maglev keep a key where it is, so they know levels but no spill within one, as in Envoy.
    """

    mode: LocalityMode = "zone_aware"
    remote: bool = False
    overprovisioning_factor: Annotated[int, Meta(ge=100, le=limits.OVERPROVISIONING_MAX)] = 140
    callers: Annotated[
        dict[str, Annotated[float, Meta(ge=0, le=limits.POLICY_COUNT_MAX)]], Meta(max_length=limits.ZONES)
    ] = {}


class Subset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The instances that carry all of these labels (`Cluster.lb_subset_config`; in Istio, `DestinationRule.subsets`)."""

    name: Name
    version: Label = ""
    deployment_group: Label = ""
    tags: Annotated[tuple[str, ...], Meta(max_length=limits.TAGS)] = ()
    metadata: Annotated[dict[str, str], Meta(max_length=limits.METADATA_PAIRS)] = {}


class Split(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A subset's share of the requests that no route takes (`WeightedCluster.ClusterWeight`). Weights are relative."""

    subset: Name
    weight: Annotated[int, Meta(ge=0, le=limits.POLICY_COUNT_MAX)]


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Requests whose `header` is there, and is `value` unless that is empty, go to `subset`; the first route that matches
    wins (`RouteMatch.headers`, `string_match.exact` or `present_match`). Names are compared without regard to case."""

    header: Name
    subset: Name
    value: Annotated[str, Meta(max_length=limits.METADATA_VALUE_CHARS)] = ""


class SlowStart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A new endpoint's weight rises over `window` as (time / window) ^ (1 / aggression), from `min_weight_percent` on
    (`SlowStartConfig`, same names and defaults). 0 s: full weight from the start, as without the message in Envoy."""

    window: Annotated[float, seconds(0.0)] = 0.0
    aggression: Annotated[float, Meta(gt=0.0, le=100.0)] = 1.0
    min_weight_percent: Percent = 10


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole document. `format` is that of the document; which version of a service's policy it is, its revision says.

    fallback    what happens where a subset has no endpoint (`LbSubsetConfig.fallback_policy`). Envoy's default is NO_FALLBACK;
                here it is any_endpoint, because a canary taken away before its split must not fail its share of the requests.
    sticky_splits    a request with a key is split by the key, so that one user sees one version
                     (`WeightedCluster.use_hash_policy`)
    panic_threshold  percent; if fewer than this are available and no other level makes up for it, all are used
                     (`CommonLbConfig.healthy_panic_threshold`). 0: never.
    """

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)] = FORMAT
    balancer: Balancer = Balancer()
    locality: Locality = Locality()
    subsets: Annotated[tuple[Subset, ...], AtMostSubsets] = ()
    fallback: Fallback = "any_endpoint"
    default_subset: Label = ""
    splits: Annotated[tuple[Split, ...], AtMostSubsets] = ()
    sticky_splits: bool = False
    routes: Annotated[tuple[Route, ...], AtMostSubsets] = ()
    panic_threshold: Percent = round(limits.PANIC_THRESHOLD * 100)
    slow_start: SlowStart = SlowStart()
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    breaker: Breaker = Breaker()
    outlier_detection: OutlierDetection = OutlierDetection()
    limits: Limits = Limits()


DEFAULT = Policy()
"""What holds for a service without a document."""
