BEGIN TRANSACTION;
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at FLOAT NOT NULL, 
	operation VARCHAR(200) NOT NULL, 
	step VARCHAR(120) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	data TEXT NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (seq), 
	CONSTRAINT audit_once UNIQUE (operation, step, kind)
);
INSERT INTO "audit" VALUES(1,1800000000.0,'270115-080000-c2jn','','asked','{"asked_by":"Ana","source":"slack","words":""}','0000000000000000000000000000000000000000000000000000000000000000','fc1cc6bc0897f16235f6014ba9dc9c88eb1ec788c641381b905ea124c0b7ab61');
INSERT INTO "audit" VALUES(2,1800000000.0,'270115-080000-c2jn','','planned','{"deadline_at":1800003600.0,"fingerprint":"a7932bcf019e945ba3560d703822d704c140605b334c8a81e95bc6b8d2d73cfb","lane":"vpc:9d5a153f-2097-595f-ad75-f3178107103d","mode":"approve","reason":"","state":"waiting","target_id":"c8facab6-f8b2-54e6-9251-e2f05b04276d","target_name":"b-31-VM"}','fc1cc6bc0897f16235f6014ba9dc9c88eb1ec788c641381b905ea124c0b7ab61','07774c9b44d33b9912a7557360d3257d6be13f75d556c20459678a95fe1aada0');
INSERT INTO "audit" VALUES(3,1800000000.0,'270115-080000-c2jn','','approved','{"deadline_at":1800000900.0,"decided_at":1800000000.0,"decided_by":"U-BRUNO","state":"approved"}','07774c9b44d33b9912a7557360d3257d6be13f75d556c20459678a95fe1aada0','3047f34c08a10ce59c2b49ff8821e272ee0d78096aa55b1df440de255c955352');
INSERT INTO "audit" VALUES(4,1800000000.0,'270115-080000-c2jn','','applying','{"deadline_at":1800014400.0,"started_at":1800000000.0,"state":"applying"}','3047f34c08a10ce59c2b49ff8821e272ee0d78096aa55b1df440de255c955352','05aa411fa409e00eaa3444b5b6a556b0278583b16bdf6da2c61b65939367c01c');
INSERT INTO "audit" VALUES(5,1800000000.0,'270115-080000-c2jn','001.begin','step','{"arguments":["270115-080000-c2jn"],"attempts":1,"error":"","name":"begin","result":"ok","seconds":0.0}','05aa411fa409e00eaa3444b5b6a556b0278583b16bdf6da2c61b65939367c01c','f84a2f32092e096d9cc8c1d9a2eed6cba90b2fc2f57886935e19f33480ee32a0');
INSERT INTO "audit" VALUES(6,1800000000.0,'270115-080000-c2jn','002.newest','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","INTERNALLBVM.STOP"],"attempts":1,"error":"","name":"newest","result":"ok","seconds":0.0}','f84a2f32092e096d9cc8c1d9a2eed6cba90b2fc2f57886935e19f33480ee32a0','316590902f18368fdabc68e7283b534266cbbb09055de74652865b16599612c8');
INSERT INTO "audit" VALUES(7,1800000000.0,'270115-080000-c2jn','003.submit_stop','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","91477b09-3a7a-50cc-853a-5926d80c8c05"],"attempts":1,"error":"","name":"submit_stop","result":"ok","seconds":0.0}','316590902f18368fdabc68e7283b534266cbbb09055de74652865b16599612c8','71c43efd8b177f3df70fbe5c1d0beee050e6c42032b09ff5e322d65710e23a80');
INSERT INTO "audit" VALUES(8,1800000004.0,'270115-080000-c2jn','004.await_job','step','{"arguments":["47a6701c-b57b-5cab-a560-085cf0eeaf80"],"attempts":1,"error":"","name":"await_job","result":"ok","seconds":4.0}','71c43efd8b177f3df70fbe5c1d0beee050e6c42032b09ff5e322d65710e23a80','c973abd4efeb866fafc33fcb42d4de902b873527be1b0476a3edaa4acf358e78');
INSERT INTO "audit" VALUES(9,1800000004.0,'270115-080000-c2jn','005.settled','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","Stopped"],"attempts":1,"error":"","name":"settled","result":"ok","seconds":0.0}','c973abd4efeb866fafc33fcb42d4de902b873527be1b0476a3edaa4acf358e78','4877c0c29e8de6b585e03ec32970beb4a39b2a8daf77985ce4f84769d0ad492f');
INSERT INTO "audit" VALUES(10,1800000004.0,'270115-080000-c2jn','006.newest','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","INTERNALLBVM.START"],"attempts":1,"error":"","name":"newest","result":"ok","seconds":0.0}','4877c0c29e8de6b585e03ec32970beb4a39b2a8daf77985ce4f84769d0ad492f','6371f0e855d1d43356423d13180240bd146476f92ce2113a0c90d190adb2579e');
INSERT INTO "audit" VALUES(11,1800000004.0,'270115-080000-c2jn','007.submit_start','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","6d3435ed-711e-504c-a426-cfc05f4ab6cb"],"attempts":1,"error":"","name":"submit_start","result":"ok","seconds":0.0}','6371f0e855d1d43356423d13180240bd146476f92ce2113a0c90d190adb2579e','53a15ed89d5eb1a7a1f9f2287bbaf5fbddbba983fa56ea166b06de845015dea5');
INSERT INTO "audit" VALUES(12,1800000006.0,'270115-080000-c2jn','008.await_job','step','{"arguments":["d1ea5fae-21da-5349-bb7f-684f407d37b1"],"attempts":1,"error":"","name":"await_job","result":"ok","seconds":2.0}','53a15ed89d5eb1a7a1f9f2287bbaf5fbddbba983fa56ea166b06de845015dea5','6bc0d8b5773dbeab6a34ba18acc2296df18fecd1cd3eca7c4341e8f1d4e4993a');
INSERT INTO "audit" VALUES(13,1800000006.0,'270115-080000-c2jn','009.settled','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","Running"],"attempts":1,"error":"","name":"settled","result":"ok","seconds":0.0}','6bc0d8b5773dbeab6a34ba18acc2296df18fecd1cd3eca7c4341e8f1d4e4993a','15f87b2236069d3278f521790f26300a54e436c46b84ae8b1856158a0610ccf5');
INSERT INTO "audit" VALUES(14,1800000006.0,'270115-080000-c2jn','010.expect_version','step','{"arguments":["c8facab6-f8b2-54e6-9251-e2f05b04276d","4.22.0"],"attempts":1,"error":"","name":"expect_version","result":"ok","seconds":0.0}','15f87b2236069d3278f521790f26300a54e436c46b84ae8b1856158a0610ccf5','a88bec74ae7e853245b4312833031f9cf2ff784d05772579a2d59e901f0a18ed');
INSERT INTO "audit" VALUES(15,1800000006.0,'270115-080000-c2jn','011.expect_rules','step','{"arguments":["e1f6ac82-2647-5c82-aa02-a31e9c81a093","10.20.1.10"],"attempts":1,"error":"","name":"expect_rules","result":"ok","seconds":0.0}','a88bec74ae7e853245b4312833031f9cf2ff784d05772579a2d59e901f0a18ed','e486fe28db705769457715cc609b4f34bb367897ff5733eb0570303ea8ce044d');
INSERT INTO "audit" VALUES(16,1800000006.0,'270115-080000-c2jn','','ended','{"ended_at":1800000006.0,"outcome":"done","reason":"","state":"ended"}','e486fe28db705769457715cc609b4f34bb367897ff5733eb0570303ea8ce044d','0b178b967d2de3acf34e35971b29669a88207186936ecdc01e0884b501aa02c1');
INSERT INTO "audit" VALUES(17,1800000006.0,'270115-080000-c2jn','012.finish','step','{"arguments":["270115-080000-c2jn","{\"kind\":\"\",\"text\":\"\",\"in_doubt\":false,\"undone\":[],\"undo_failed\":\"\"}"],"attempts":1,"error":"","name":"finish","result":"ok","seconds":0.0}','0b178b967d2de3acf34e35971b29669a88207186936ecdc01e0884b501aa02c1','096b9dba1928bd585756ecba7739166fb13b48fea536832fc2223371d23f3a48');
INSERT INTO "audit" VALUES(18,1800000006.0,'270115-080006-827s','','asked','{"asked_by":"Ana","source":"slack","words":""}','096b9dba1928bd585756ecba7739166fb13b48fea536832fc2223371d23f3a48','34d4bdbcdae85e2d02ee7fe80b43155f52568e9125b7699fbad507b549c52f09');
INSERT INTO "audit" VALUES(19,1800000006.0,'270115-080006-827s','','planned','{"deadline_at":1800003606.0,"fingerprint":"a83fdebc2c3f407a85b7bc160bdfc96d5325d8943f723b5857e03f4db2140cec","lane":"vpc:9d5a153f-2097-595f-ad75-f3178107103d","mode":"approve","reason":"","state":"waiting","target_id":"4c51aac5-0beb-5512-bdf9-c7d067be617c","target_name":"b-32-VM"}','34d4bdbcdae85e2d02ee7fe80b43155f52568e9125b7699fbad507b549c52f09','27a39f00558ed092ef14217088d043e31fe545e0c0be0758698ca56b31c3c492');
INSERT INTO "audit" VALUES(20,1800000006.0,'switch','1800000006.000000','stopped','{"by":"Bruno","reason":"Bruno stopped all changes: a freeze"}','27a39f00558ed092ef14217088d043e31fe545e0c0be0758698ca56b31c3c492','19d9dd86f50171132aafa2d687c765b4adf44cf0465462d3ba8d6b0694001916');
CREATE TABLE chain (
	id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "chain" VALUES(1,20,'19d9dd86f50171132aafa2d687c765b4adf44cf0465462d3ba8d6b0694001916');
CREATE TABLE ilbot_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT ilbot_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "ilbot_version" VALUES('0001');
CREATE TABLE intent (
	run VARCHAR(80) NOT NULL, 
	step VARCHAR(120) NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (run, step)
);
INSERT INTO "intent" VALUES('270115-080000-c2jn:apply','003.submit_stop','{"verb": "submit_stop"}');
INSERT INTO "intent" VALUES('270115-080000-c2jn:apply','007.submit_start','{"verb": "submit_start"}');
CREATE TABLE operation (
	id VARCHAR(40) NOT NULL, 
	dedupe VARCHAR(200) NOT NULL, 
	wish TEXT NOT NULL, 
	source VARCHAR(20) NOT NULL, 
	requested_by TEXT NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	created_at FLOAT NOT NULL, 
	deadline_at FLOAT NOT NULL, 
	mode VARCHAR(20) NOT NULL, 
	target_id VARCHAR(80) NOT NULL, 
	target_name VARCHAR(200) NOT NULL, 
	lane VARCHAR(120) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	"plan" TEXT NOT NULL, 
	decided_by VARCHAR(120) NOT NULL, 
	decided_at FLOAT NOT NULL, 
	started_at FLOAT NOT NULL, 
	ended_at FLOAT NOT NULL, 
	outcome VARCHAR(20), 
	reason TEXT NOT NULL, 
	channel VARCHAR(80) NOT NULL, 
	message VARCHAR(80) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (dedupe)
);
INSERT INTO "operation" VALUES('270115-080000-c2jn','wish-1','{"runbook": "roll", "target": "b-31-VM", "parameters": [], "because": ""}','slack','{"id": "U-ANA", "name": "Ana", "is_person": true}','ended',1800000000.0,1800014400.0,'approve','c8facab6-f8b2-54e6-9251-e2f05b04276d','b-31-VM','vpc:9d5a153f-2097-595f-ad75-f3178107103d','a7932bcf019e945ba3560d703822d704c140605b334c8a81e95bc6b8d2d73cfb','{"runbook":"roll","target":{"kind":"ilb-vm","id":"c8facab6-f8b2-54e6-9251-e2f05b04276d","name":"b-31-VM","zone":"fra-1","vpc":"shop-prod","vpc_id":"9d5a153f-2097-595f-ad75-f3178107103d","tier":"app-tier","tier_id":"e1f6ac82-2647-5c82-aa02-a31e9c81a093"},"summary":"Roll b-31-VM from version 4.20.0 to 4.22.0","facts":[{"name":"ILB VM","value":"b-31-VM c8facab6-f8b2-54e6-9251-e2f05b04276d"},{"name":"state","value":"Running"},{"name":"version","value":"4.20.0"},{"name":"template","value":"systemvm-kvm-4.22.0-x86_64 33fe81be-44f5-5578-8fad-59b4f0c6220a"},{"name":"offering","value":"System Offering For Internal LB VM 9303bfb7-5bea-51e8-baf8-d6667dfce130"},{"name":"tier state","value":"Implemented"},{"name":"rule on port 80","value":"app-http to port 8080, roundrobin, Active: i-2-10-VM 10.20.1.21, i-2-11-VM 10.20.1.22, i-2-12-VM 10.20.1.23"},{"name":"rule on port 9090","value":"app-grpc to port 9090, leastconn, Active: i-2-10-VM 10.20.1.21, i-2-11-VM 10.20.1.22, i-2-12-VM 10.20.1.23"},{"name":"last start or stop","value":"INTERNALLBVM.START of 2027-01-06 08:01:03 UTC (6d3435ed)"},{"name":"minimum template version","value":"4.22.0"},{"name":"checks that recreate routers","value":""}],"steps":[{"text":"Stop b-31-VM","undo":"start it again (CloudStack then renews its disk all the same)","no_return":false},{"text":"Start b-31-VM from template systemvm-kvm-4.22.0-x86_64","undo":"","no_return":true},{"text":"Check that it reports version 4.22.0 and has its rules","undo":"","no_return":false}],"exposure":{"what":"10.20.1.10 ports 80, 9090","seconds":62.0,"evidence":"its last stop and start by events took 62 s"},"blast_radius":["10.20.1.10 ports 80, 9090: not served from the stop to the end of the start"],"warnings":["Requests in flight and open connections through it are cut."],"parameters":[["version","4.22.0"],["version from","setting minreq.sysvmtemplate.version of its zone"],["template","systemvm-kvm-4.22.0-x86_64"],["restart","False"],["tier","e1f6ac82-2647-5c82-aa02-a31e9c81a093"],["vip","10.20.1.10"],["rules","32a630cc46c08920"]]}','U-BRUNO',1800000000.0,1800000000.0,1800000006.0,'done','','','');
INSERT INTO "operation" VALUES('270115-080006-827s','wish-2','{"runbook": "roll", "target": "b-32-VM", "parameters": [], "because": ""}','slack','{"id": "U-ANA", "name": "Ana", "is_person": true}','waiting',1800000006.0,1800003606.0,'approve','4c51aac5-0beb-5512-bdf9-c7d067be617c','b-32-VM','vpc:9d5a153f-2097-595f-ad75-f3178107103d','a83fdebc2c3f407a85b7bc160bdfc96d5325d8943f723b5857e03f4db2140cec','{"runbook":"roll","target":{"kind":"ilb-vm","id":"4c51aac5-0beb-5512-bdf9-c7d067be617c","name":"b-32-VM","zone":"fra-1","vpc":"shop-prod","vpc_id":"9d5a153f-2097-595f-ad75-f3178107103d","tier":"web-tier","tier_id":"a6639d97-be5b-5f97-8589-c315c702dd1b"},"summary":"Roll b-32-VM from version 4.20.0 to 4.22.0","facts":[{"name":"ILB VM","value":"b-32-VM 4c51aac5-0beb-5512-bdf9-c7d067be617c"},{"name":"state","value":"Running"},{"name":"version","value":"4.20.0"},{"name":"template","value":"systemvm-kvm-4.22.0-x86_64 33fe81be-44f5-5578-8fad-59b4f0c6220a"},{"name":"offering","value":"System Offering For Internal LB VM 9303bfb7-5bea-51e8-baf8-d6667dfce130"},{"name":"tier state","value":"Implemented"},{"name":"rule on port 80","value":"web-http to port 8080, roundrobin, Active: i-2-13-VM 10.20.2.21, i-2-14-VM 10.20.2.22, i-2-15-VM 10.20.2.23"},{"name":"rule on port 443","value":"web-https to port 8443, roundrobin, Active: i-2-13-VM 10.20.2.21, i-2-14-VM 10.20.2.22, i-2-15-VM 10.20.2.23"},{"name":"last start or stop","value":"INTERNALLBVM.START of 2026-12-30 08:00:55 UTC (bc21e614)"},{"name":"minimum template version","value":"4.22.0"},{"name":"checks that recreate routers","value":""}],"steps":[{"text":"Stop b-32-VM","undo":"start it again (CloudStack then renews its disk all the same)","no_return":false},{"text":"Start b-32-VM from template systemvm-kvm-4.22.0-x86_64","undo":"","no_return":true},{"text":"Check that it reports version 4.22.0 and has its rules","undo":"","no_return":false}],"exposure":{"what":"10.20.2.10 ports 80, 443","seconds":54.0,"evidence":"its last stop and start by events took 54 s"},"blast_radius":["10.20.2.10 ports 80, 443: not served from the stop to the end of the start","b-33-VM (10.20.2.11, Running): same tier, not touched"],"warnings":["Requests in flight and open connections through it are cut."],"parameters":[["version","4.22.0"],["version from","setting minreq.sysvmtemplate.version of its zone"],["template","systemvm-kvm-4.22.0-x86_64"],["restart","False"],["tier","a6639d97-be5b-5f97-8589-c315c702dd1b"],["vip","10.20.2.10"],["rules","21f9ac9543bc0aa5"]]}','',0.0,0.0,0.0,NULL,'','','');
CREATE TABLE switch (
	name VARCHAR(40) NOT NULL, 
	reason TEXT NOT NULL, 
	set_by VARCHAR(120) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "switch" VALUES('stop','Bruno stopped all changes: a freeze','Bruno',1800000006.0);
CREATE INDEX ix_operation_state ON operation (state);
CREATE INDEX ix_operation_target_id ON operation (target_id);
CREATE INDEX ix_audit_operation ON audit (operation);
COMMIT;
