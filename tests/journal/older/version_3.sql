PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
INSERT INTO sessions VALUES('','','a-host',13693,'3913190','55306dd16d244849966d30180875000c');
CREATE TABLE tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, nonce TEXT DEFAULT '', looked_at REAL, looked_as TEXT DEFAULT '',
    PRIMARY KEY (session, serial)
);
INSERT INTO tasks VALUES('55306dd16d244849966d30180875000c',1,'794e21bb-ab11-4ac1-9669-efcbeb574e72','79576927-27d9-4d24-aa28-e9b56c53261b','2838be26-9415-5d7c-bdd0-db94935ad88d','local','68d5c128-263c-584f-bad0-675985d26a04','cell','cell','','',1,'','','success',1795646778.8019330501,1795646778.9334602355,1795646778.9692647456,'',1,'gcj-b8ef584bbad642ab892d5c6b1fc8059f00000000',NULL,'');
INSERT INTO tasks VALUES('55306dd16d244849966d30180875000c',2,'1220d365-c018-42ea-bdf2-c7b589075e7e','79576927-27d9-4d24-aa28-e9b56c53261b','2838be26-9415-5d7c-bdd0-db94935ad88d','local','1e5f59ca-5e11-517c-b572-c6159792fe97','cell','cell','','',1,'late','','success',1795646778.9781651497,1795646778.9833016395,1795646778.9850924014,'',1,'gcj-848f4b6cc2d94affb4cff2ddbb09879000000000',NULL,'');
INSERT INTO tasks VALUES('55306dd16d244849966d30180875000c',3,'2496b555-ab8e-4888-9311-bfc58809f57b','79576927-27d9-4d24-aa28-e9b56c53261b','2838be26-9415-5d7c-bdd0-db94935ad88d','local','7c9b604f-bdbf-505f-a37b-ba799060e2b6','cell','cell','','',1,'','','failed',1795646778.9839639663,1795646778.9859368801,1795646778.9875824451,'division by zero',1,'gcj-2a9fbad190544902a619b990944d775300000000',NULL,'');
CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
INSERT INTO endpoints VALUES('2838be26-9415-5d7c-bdd0-db94935ad88d','','','3.11.7','0.4.1',1795646778.9905605316);
CREATE TABLE results (
    task_id TEXT PRIMARY KEY, form TEXT, size INTEGER, at REAL, body BLOB
);
CREATE TABLE claims (group_id TEXT PRIMARY KEY, session TEXT, at REAL);
CREATE INDEX tasks_by_id ON tasks (task_id);
CREATE INDEX tasks_by_group ON tasks (group_id);
COMMIT;
PRAGMA user_version = 3;
