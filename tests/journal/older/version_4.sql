PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
INSERT INTO sessions VALUES('','','a-host',13713,'3913309','a6a5b4ca4dd54065b30bfa8bd09dafd4');
CREATE TABLE tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, nonce TEXT DEFAULT '', looked_at REAL, looked_as TEXT DEFAULT '',
    decodes TEXT DEFAULT '',
    PRIMARY KEY (session, serial)
);
INSERT INTO tasks VALUES('a6a5b4ca4dd54065b30bfa8bd09dafd4',1,'cc94c192-6489-4ebf-a4c0-a0edf58e489c','788e6060-ac39-428d-a213-67854d13aa87','2838be26-9415-5d7c-bdd0-db94935ad88d','local','4a88152a-403a-52fb-89fd-26c243181ce4','cell','cell','','',1,'','','success',1795646780.0107917785,1795646780.1932749747,1795646780.2414209843,'',1,'gcj-095b4a67583e49b18df854cba23d843c00000000',NULL,'','');
INSERT INTO tasks VALUES('a6a5b4ca4dd54065b30bfa8bd09dafd4',2,'2b4aa030-65da-4826-8bbc-63a22ec742c2','788e6060-ac39-428d-a213-67854d13aa87','2838be26-9415-5d7c-bdd0-db94935ad88d','local','9afc5062-453d-5981-8a81-20daa5960743','cell','cell','','',1,'late','','success',1795646780.2490859031,1795646780.2511119842,1795646780.2531993389,'',1,'gcj-e70d048e559448619208b286aa82aa9200000000',NULL,'','');
INSERT INTO tasks VALUES('a6a5b4ca4dd54065b30bfa8bd09dafd4',3,'b0b3f292-715c-48dd-b885-8b9c99dd0976','788e6060-ac39-428d-a213-67854d13aa87','2838be26-9415-5d7c-bdd0-db94935ad88d','local','2828ffeb-7840-54c9-9b54-758f476a5eb9','cell','cell','','',1,'','','failed',1795646780.2547800541,1795646780.2562048435,1795646780.2584745883,'division by zero',1,'gcj-44ece3e0fdf54d688ecf02fd2568b65d00000000',NULL,'','');
CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
INSERT INTO endpoints VALUES('2838be26-9415-5d7c-bdd0-db94935ad88d','','','3.11.7','0.4.1',1795646780.2608909607);
CREATE TABLE results (
    task_id TEXT PRIMARY KEY, form TEXT, size INTEGER, at REAL, body BLOB
);
CREATE TABLE claims (group_id TEXT PRIMARY KEY, session TEXT, at REAL);
CREATE INDEX tasks_by_id ON tasks (task_id);
CREATE INDEX tasks_by_group ON tasks (group_id);
COMMIT;
PRAGMA user_version = 4;
