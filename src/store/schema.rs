//! The tables, as Diesel sees them. One schema serves both databases: only 64-bit integers,
//! text, bytes and booleans are used.

diesel::table! {
    counters (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    clients (document_id) {
        document_id -> Text,
        client_id -> Text,
        origin -> Text,
        document -> Nullable<Text>,
        created_type -> Text,
        active -> Bool,
        name -> Text,
        client_type -> Text,
        owner -> Nullable<Text>,
        secret_hash -> Nullable<Binary>,
        old_secret_hash -> Nullable<Binary>,
        old_secret_until -> Nullable<BigInt>,
        jwks -> Nullable<Text>,
        meta -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    authorization_codes (hash) {
        hash -> Binary,
        client_id -> Text,
        user_id -> Text,
        scopes -> Text,
        redirect_uri -> Text,
        redirect_explicit -> Bool,
        code_challenge -> Nullable<Text>,
        challenge_method -> Nullable<Text>,
        facts -> Text,
        auth_time -> Nullable<BigInt>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        token_jti -> Nullable<Text>,
    }
}

diesel::table! {
    access_tokens (jti) {
        jti -> Text,
        document_id -> Text,
        token_hash -> Binary,
        kid -> Text,
        client_id -> Text,
        user_id -> Nullable<Text>,
        scopes -> Text,
        grant_type -> Text,
        audience -> Text,
        facts -> Text,
        revision -> Text,
        policies -> Text,
        code_hash -> Nullable<Binary>,
        created_at -> BigInt,
        used_at -> Nullable<BigInt>,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    assertions (issuer, replay_key) {
        issuer -> Text,
        replay_key -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    consents (document_id) {
        document_id -> Text,
        user_id -> Text,
        client_id -> Text,
        scopes -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        username -> Text,
        username_key -> Text,
        email -> Text,
        password_hash -> Text,
        roles -> Text,
        blocked -> Bool,
        confirmed -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
        tokens_valid_from -> BigInt,
    }
}

diesel::table! {
    sessions (hash) {
        hash -> Binary,
        id -> Text,
        user_id -> Text,
        created_at -> BigInt,
        last_seen_at -> BigInt,
        expires_at -> BigInt,
        auth_time -> BigInt,
        ip -> Text,
        agent -> Text,
    }
}

diesel::table! {
    setup_links (hash) {
        hash -> Binary,
        user_id -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    authorizations (hash) {
        hash -> Binary,
        browser_hash -> Binary,
        client_id -> Text,
        request -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        done_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        alg -> Text,
        private_pem -> Text,
        public_jwk -> Text,
        created_at -> BigInt,
        active_from -> BigInt,
        retired_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    policy_reloads (id) {
        id -> Text,
        at -> BigInt,
        instance -> Text,
        revision -> Text,
        previous -> Text,
        commit_id -> Text,
        author -> Text,
        subject -> Text,
        committed_at -> BigInt,
        outcome -> Text,
        error -> Text,
        changes -> Text,
        diff -> Text,
    }
}

diesel::table! {
    audit (id) {
        id -> Text,
        at -> BigInt,
        actor -> Text,
        actor_kind -> Text,
        action -> Text,
        target -> Text,
        decision -> Text,
        policies -> Text,
        revision -> Text,
        request_id -> Text,
        ip -> Text,
        detail -> Text,
        kind -> Text,
        jti -> Nullable<Text>,
    }
}

diesel::table! {
    sign_in_failures (hash) {
        hash -> Binary,
        failures -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    shown_once (hash) {
        hash -> Binary,
        user_id -> Text,
        sealed -> Binary,
        expires_at -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(authorization_codes, consents);
