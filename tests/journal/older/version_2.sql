PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
INSERT INTO sessions VALUES('','','a-host',13671,'3913070','8eb19c2b7f68433a9864b9bbaa1e73cd');
CREATE TABLE tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, PRIMARY KEY (session, serial)
);
INSERT INTO tasks VALUES('8eb19c2b7f68433a9864b9bbaa1e73cd',1,'2257644b-34be-40db-948d-7d9c8d460754','8d6c13b4-fef7-4aa0-9c00-823b5b2134db','2838be26-9415-5d7c-bdd0-db94935ad88d','local','4cb698b6-2487-5989-9bbe-3a9b11dc8a4c','cell','cell','','',1,'','','success',1795646777.5169241428,1795646777.6876630783,1795646777.7214312553,'',1);
INSERT INTO tasks VALUES('8eb19c2b7f68433a9864b9bbaa1e73cd',2,'cae3de5b-07f0-473a-afcf-6f526e6ec22c','8d6c13b4-fef7-4aa0-9c00-823b5b2134db','2838be26-9415-5d7c-bdd0-db94935ad88d','local','f2b1143a-3ebe-566a-9b9a-a816c72b370a','cell','cell','','',1,'late','','success',1795646777.7312409878,1795646777.732367277,1795646777.733716011,'',1);
INSERT INTO tasks VALUES('8eb19c2b7f68433a9864b9bbaa1e73cd',3,'44b35ac7-cc62-4186-bb65-83c208997190','8d6c13b4-fef7-4aa0-9c00-823b5b2134db','2838be26-9415-5d7c-bdd0-db94935ad88d','local','4a3f457f-13e2-51e4-a9b2-e50a1424cc00','cell','cell','','',1,'','','failed',1795646777.7328829765,1795646777.7394077777,1795646777.7731182574,'division by zero',1);
CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
INSERT INTO endpoints VALUES('2838be26-9415-5d7c-bdd0-db94935ad88d','','','3.11.7','0.4.1',1795646777.7746109962);
CREATE TABLE results (
    task_id TEXT PRIMARY KEY, form TEXT, size INTEGER, at REAL, body BLOB
);
CREATE TABLE claims (group_id TEXT PRIMARY KEY, session TEXT, at REAL);
CREATE INDEX tasks_by_id ON tasks (task_id);
CREATE INDEX tasks_by_group ON tasks (group_id);
COMMIT;
PRAGMA user_version = 2;
