//! The attack catalogue, black-box over HTTP: one file per section, each row cited by its ID.

mod a_parameters;
mod aa_admin;
mod b_authorize;
mod b_pages;
mod bb_fail_closed;
mod c_redirect;
mod d_pkce;
mod e_code;
mod f_token;
mod g_assertion;
mod i_introspect;
mod j_revoke;
mod k_tokens;
mod l_metadata;
mod s_bearer;
mod t_login;
mod u_headers;
mod v_issuer;
mod w_output;
mod x_limits;
mod y_policy;
mod z_forward_auth;
