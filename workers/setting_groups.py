"""Which settings belong together: in `--help`, in `config show`, and for a command, which takes whole groups."""

from __future__ import annotations

GROUPS: dict[str, tuple[str, ...]] = {
    "kafka": (
        "bootstrap_servers",
        "security_protocol",
        "sasl_mechanism",
        "sasl_username",
        "sasl_password",
        "ssl_cafile",
        "ssl_certfile",
        "ssl_keyfile",
        "delivery_timeout",
    ),
    "topics": ("images_topic", "decisions_topic", "dead_letters_topic"),
    "consumer": (
        "group",
        "commit_interval",
        "session_timeout",
        "revocation_timeout",
        "isolation_level",
        "on_lost_events",
        "start_timeout",
    ),
    "redis": (
        "redis_url",
        "redis_password",
        "redis_cafile",
        "redis_timeout",
        "share_image_features",
        "image_features_ttl",
    ),
    "model": ("model", "pretrained", "device", "dtype"),
    "encoder": ("encoder_socket", "moderators"),
    "images": (
        "max_batch",
        "max_inflight_bytes",
        "preprocess",
        "coverage",
        "jpeg_decoder",
        "max_frames",
        "max_pixels",
        "max_views",
        "cores",
        "remember",
    ),
    "policies": ("policies",),
    "state": ("state",),
    "fetch": (
        "fetch_allowed_hosts",
        "fetch_allow_private",
        "fetch_allow_http",
        "fetch_max_bytes",
        "fetch_timeout",
        "fetch_patience",
    ),
    "brake": ("brake_run", "brake_ratio", "brake_trial_interval"),
    "service": ("metrics_host", "metrics_port", "stall_after", "drain_timeout"),
    "log": ("log_level", "log_format"),
}
"""Which settings belong together: a command takes the flags of the groups that it needs."""
