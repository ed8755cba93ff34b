DROP TABLE policy_reloads;
