PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
INSERT INTO sessions VALUES('','','a-host',13648,'3912957','412f20c0e53d4acd9dec948f690fa446');
CREATE TABLE tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, result BLOB, PRIMARY KEY (session, serial)
);
INSERT INTO tasks VALUES('412f20c0e53d4acd9dec948f690fa446',1,'b324b5e0-ff09-456e-8da1-04ffbed8ba6c','f090c0a3-a9ee-43f3-8bc5-aae85ce47ead','2838be26-9415-5d7c-bdd0-db94935ad88d','local','fbe14e8f-b2b4-5840-bd30-6614914e2149','cell','cell','','',1,'','','success',1795646776.347675085,1795646776.5200047493,1795646776.5509605407,'',1,NULL);
INSERT INTO tasks VALUES('412f20c0e53d4acd9dec948f690fa446',2,'ddacf61c-794b-4229-9370-e4be40a32231','f090c0a3-a9ee-43f3-8bc5-aae85ce47ead','2838be26-9415-5d7c-bdd0-db94935ad88d','local','d6cf4a86-cfeb-54be-9706-29f035971024','cell','cell','','',1,'late','','success',1795646776.5590112209,1795646776.5600399971,1795646776.5627007484,'',1,NULL);
INSERT INTO tasks VALUES('412f20c0e53d4acd9dec948f690fa446',3,'30eb2ecd-aafa-4943-9d9f-b619e6be809f','f090c0a3-a9ee-43f3-8bc5-aae85ce47ead','2838be26-9415-5d7c-bdd0-db94935ad88d','local','a96115ae-80ae-570d-bff9-fcf232f242da','cell','cell','','',1,'','','failed',1795646776.5604670047,1795646776.5670182704,1795646776.6009378433,'division by zero',1,NULL);
CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
INSERT INTO endpoints VALUES('2838be26-9415-5d7c-bdd0-db94935ad88d','','','3.11.7','0.4.1',1795646776.6036937237);
CREATE INDEX tasks_by_id ON tasks (task_id);
CREATE INDEX tasks_by_group ON tasks (group_id);
COMMIT;
PRAGMA user_version = 1;
