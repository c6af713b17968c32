PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
INSERT INTO sessions VALUES('','','a-host',13733,'3913440','b72c52601a9649e7b3ea7f31220eacf5');
CREATE TABLE tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, nonce TEXT DEFAULT '', looked_at REAL, looked_as TEXT DEFAULT '',
    decodes TEXT DEFAULT '', part TEXT DEFAULT '',
    PRIMARY KEY (session, serial)
);
INSERT INTO tasks VALUES('b72c52601a9649e7b3ea7f31220eacf5',1,'198b439c-6a30-4318-88c7-a4ad4727fe12','5e9e44f4-9a30-4168-a9d5-12a5af20bf41','2838be26-9415-5d7c-bdd0-db94935ad88d','local','487e285b-bf3c-51ee-a3fd-5f6c3a2130b8','cell','cell','','',1,'','','success',1795646781.5903584956,1795646781.8673298358,1795646781.8705232143,'',1,'gcj-1fd2b785b32e4af8b315c6f007ba0c9c00000000',NULL,'','','');
INSERT INTO tasks VALUES('b72c52601a9649e7b3ea7f31220eacf5',2,'e90d5121-df90-44e8-880c-7202f11b4def','5e9e44f4-9a30-4168-a9d5-12a5af20bf41','2838be26-9415-5d7c-bdd0-db94935ad88d','local','487e285b-bf3c-51ee-a3fd-5f6c3a2130b8','cell','cell','','',1,'late','','success',1795646781.8926417827,1795646781.8939614296,1795646781.8968119621,'',1,'gcj-96241102284244468d9624856339086200000000',NULL,'','','');
INSERT INTO tasks VALUES('b72c52601a9649e7b3ea7f31220eacf5',3,'ec072ad2-eaf7-4386-b351-02062a14e5d3','5e9e44f4-9a30-4168-a9d5-12a5af20bf41','2838be26-9415-5d7c-bdd0-db94935ad88d','local','487e285b-bf3c-51ee-a3fd-5f6c3a2130b8','cell','cell','','',1,'','','failed',1795646781.9058814049,1795646781.9082634449,1795646781.9126811027,'division by zero',1,'gcj-ee42bbe5512445d2a9d9b0ab0f64995800000000',NULL,'','','');
CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
INSERT INTO endpoints VALUES('2838be26-9415-5d7c-bdd0-db94935ad88d','','','3.11.7','0.4.1',1795646781.9219896793);
CREATE TABLE results (
    task_id TEXT PRIMARY KEY, form TEXT, size INTEGER, at REAL, body BLOB
);
CREATE TABLE claims (group_id TEXT PRIMARY KEY, session TEXT, at REAL);
CREATE INDEX tasks_by_id ON tasks (task_id);
CREATE INDEX tasks_by_group ON tasks (group_id);
COMMIT;
PRAGMA user_version = 5;
