//! Which keys each document may have, all the way down.

use super::yaml::Shape;

/// The keys of a catalog document.
pub const CATALOG: Shape = Shape::Keys(&[(
    "content_types",
    Shape::Each(&Shape::Keys(&[
        ("title", Shape::Any),
        ("hosts", Shape::Any),
        ("resource_type", Shape::Any),
        ("resources", Shape::Each(&Shape::Any)),
        (
            "actions",
            Shape::Each(&Shape::Keys(&[
                ("title", Shape::Any),
                ("routes", Shape::Any),
                ("sensitive", Shape::Any),
                ("public", Shape::Any),
            ])),
        ),
    ])),
)]);

/// The keys of the global document.
pub const GLOBAL: Shape = Shape::Keys(&[("managed_by", Shape::Any), ("scopes", Shape::Any)]);

/// The keys of a document of invariants.
pub const INVARIANTS: Shape = Shape::Keys(&[(
    "invariants",
    Shape::Items(&Shape::Keys(&[
        ("name", Shape::Any),
        ("principal", Shape::Any),
        ("actions", Shape::Any),
        ("resources", Shape::Any),
        ("when", Shape::Any),
    ])),
)]);

/// The keys of a role document.
pub const ROLE: Shape = Shape::Keys(&[("title", Shape::Any), ("actions", Shape::Any)]);

/// The keys of a client document.
pub const CLIENT: Shape = Shape::Keys(&[
    ("managed_by", Shape::Any),
    ("name", Shape::Any),
    ("type", Shape::Any),
    ("active", Shape::Any),
    ("owner", Shape::Any),
    ("grants", Shape::Any),
    ("auth", Shape::Any),
    ("pkce", Shape::Any),
    ("assertion_style", Shape::Any),
    ("require_secret", Shape::Any),
    ("act_for", Shape::Any),
    ("groups", Shape::Any),
    ("redirect_uris", Shape::Any),
    ("public_keys", Shape::Any),
    ("access_token_ttl", Shape::Any),
    ("scopes", Shape::Any),
]);

/// The keys of a test document.
pub const TESTS: Shape = Shape::Keys(&[
    ("clients", Shape::Each(&CLIENT)),
    (
        "tests",
        Shape::Items(&Shape::Keys(&[
            ("name", Shape::Any),
            ("client", Shape::Any),
            ("active", Shape::Any),
            ("grant", Shape::Any),
            ("scope", Shape::Any),
            ("action", Shape::Any),
            ("about", Shape::Any),
            ("operator", Shape::Any),
            ("user", TEST_USER),
            ("token", Shape::Any),
            ("context", TEST_CONTEXT),
            ("expect", Shape::Any),
            ("policies", Shape::Any),
            ("error", Shape::Any),
        ])),
    ),
    (
        "tables",
        Shape::Items(&Shape::Keys(&[
            ("name", Shape::Any),
            ("clients", Shape::Any),
            ("roles", Shape::Any),
            ("grant", Shape::Any),
            ("client", Shape::Any),
            ("user", TEST_USER),
            ("context", TEST_CONTEXT),
            ("rows", Shape::Each(&Shape::Any)),
        ])),
    ),
]);

const TEST_USER: Shape = Shape::Keys(&[
    ("username", Shape::Any),
    ("id", Shape::Any),
    ("email", Shape::Any),
    ("roles", Shape::Any),
    ("blocked", Shape::Any),
    ("confirmed", Shape::Any),
]);

const TEST_CONTEXT: Shape = Shape::Keys(&[
    ("ip", Shape::Any),
    ("time", Shape::Any),
    ("ttl", Shape::Any),
    ("audience", Shape::Any),
    ("pkce", Shape::Any),
    ("redirect_host", Shape::Any),
    ("redirect_loopback", Shape::Any),
    ("consented", Shape::Any),
    ("auth_age", Shape::Any),
    ("alg", Shape::Any),
    ("assertion_ttl", Shape::Any),
    ("absent", Shape::Any),
    ("token_age", Shape::Any),
    ("token_grant", Shape::Any),
    (
        "http",
        Shape::Keys(&[
            ("method", Shape::Any),
            ("path", Shape::Any),
            ("params", Shape::Each(&Shape::Any)),
            ("headers", Shape::Each(&Shape::Any)),
        ]),
    ),
    ("resource", Shape::Keys(&[("id", Shape::Any), ("type", Shape::Any), ("properties", Shape::Any)])),
    ("action", Shape::Any),
    ("subject", Shape::Any),
]);
