BEGIN TRANSACTION;
CREATE TABLE evaluations (
	"key" INTEGER NOT NULL, 
	id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	mode TEXT NOT NULL, 
	state TEXT NOT NULL, 
	model_name TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	framework_name TEXT NOT NULL, 
	framework_version TEXT NOT NULL, 
	dataset_category TEXT NOT NULL, 
	dataset_name TEXT NOT NULL, 
	target TEXT NOT NULL, 
	precision TEXT NOT NULL, 
	threads INTEGER NOT NULL, 
	batch_size INTEGER NOT NULL, 
	partition_list_size INTEGER NOT NULL, 
	parts INTEGER NOT NULL, 
	engine TEXT NOT NULL, 
	trace_level INTEGER NOT NULL, 
	machine_digest TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	settings JSON NOT NULL, 
	error TEXT NOT NULL, 
	results JSON NOT NULL, 
	PRIMARY KEY ("key"), 
	UNIQUE (id), 
	FOREIGN KEY(machine_digest) REFERENCES machines (digest)
);
INSERT INTO "evaluations" VALUES(1,'finished','2024-11-26 12:30:15.250000','2026-11-26 06:31:10.828105','dataset','finished','ResNet50_v1','1.0','MXNet','1.9.1','vision','validation','cpu','fp32',4,2,4,2,'local',2,'cbd44f86596d8726a5971695df481ea32b12a8f11aa7611651ca493bd2757721','finished','{"seed":1,"calibration":null,"flags":["a","b"]}','','{"qps":{"$float":"inf"}}');
INSERT INTO "evaluations" VALUES(2,'interrupted','2024-11-26 12:30:15.250000','2026-11-26 06:31:10.804770','dataset','running','ResNet50_v1','1.0','MXNet','1.9.1','vision','validation','cpu','fp32',4,2,4,2,'local',2,'cbd44f86596d8726a5971695df481ea32b12a8f11aa7611651ca493bd2757721','interrupted','{"seed":1,"calibration":null,"flags":["a","b"]}','','{}');
CREATE TABLE machines (
	digest TEXT NOT NULL, 
	hostname TEXT NOT NULL, 
	architecture TEXT NOT NULL, 
	cpu TEXT NOT NULL, 
	cores INTEGER NOT NULL, 
	memory BIGINT NOT NULL, 
	system TEXT NOT NULL, 
	python TEXT NOT NULL, 
	features JSON NOT NULL, 
	gpu TEXT NOT NULL, 
	gpu_driver TEXT NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "machines" VALUES('cbd44f86596d8726a5971695df481ea32b12a8f11aa7611651ca493bd2757721','host','x86_64','A processor',4,1099511627776,'Linux','3.11.7','["avx2","fma"]','','');
CREATE TABLE model_accuracy (
	evaluation_key INTEGER NOT NULL, 
	labelled INTEGER NOT NULL, 
	unlabelled INTEGER NOT NULL, 
	failures INTEGER NOT NULL, 
	top_1 DOUBLE, 
	top_5 DOUBLE, 
	calibration_error DOUBLE, 
	PRIMARY KEY (evaluation_key), 
	FOREIGN KEY(evaluation_key) REFERENCES evaluations ("key") ON DELETE CASCADE
);
INSERT INTO "model_accuracy" VALUES(1,6,0,2,0.5,1.0,0.25);
CREATE TABLE ngc_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT ngc_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "ngc_version" VALUES('1');
CREATE TABLE parts (
	evaluation_key INTEGER NOT NULL, 
	part_index INTEGER NOT NULL, 
	begin_index INTEGER NOT NULL, 
	end_index INTEGER NOT NULL, 
	durations_us JSON NOT NULL, 
	tally JSON NOT NULL, 
	PRIMARY KEY (evaluation_key, part_index), 
	FOREIGN KEY(evaluation_key) REFERENCES evaluations ("key") ON DELETE CASCADE
);
INSERT INTO "parts" VALUES(1,0,0,4,'[100.0,200.5]','{"labelled":3,"unlabelled":0,"failures":1,"top1":3,"top5":3,"confusion":[],"bins":[[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[3,3,2.25]]}');
INSERT INTO "parts" VALUES(1,1,4,8,'[101.0,200.5]','{"labelled":3,"unlabelled":0,"failures":1,"top1":0,"top5":3,"confusion":[],"bins":[[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[3,0,2.25]]}');
INSERT INTO "parts" VALUES(2,0,0,4,'[100.0,200.5]','{"labelled":3,"unlabelled":0,"failures":1,"top1":3,"top5":3,"confusion":[],"bins":[[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[3,3,2.25]]}');
CREATE TABLE performance (
	evaluation_key INTEGER NOT NULL, 
	inputs INTEGER NOT NULL, 
	batches INTEGER NOT NULL, 
	total_us DOUBLE, 
	mean_us DOUBLE, 
	min_us DOUBLE, 
	median_us DOUBLE, 
	p90_us DOUBLE, 
	p99_us DOUBLE, 
	max_us DOUBLE, 
	PRIMARY KEY (evaluation_key), 
	FOREIGN KEY(evaluation_key) REFERENCES evaluations ("key") ON DELETE CASCADE
);
INSERT INTO "performance" VALUES(1,8,4,602.0,150.5,100.0,150.75,200.5,200.5,200.5);
CREATE TABLE predictions (
	evaluation_key INTEGER NOT NULL, 
	input_index INTEGER NOT NULL, 
	input_id TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	expected INTEGER, 
	answered INTEGER, 
	probability DOUBLE, 
	features BLOB NOT NULL, 
	error TEXT NOT NULL, 
	PRIMARY KEY (evaluation_key, input_index), 
	FOREIGN KEY(evaluation_key) REFERENCES evaluations ("key") ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "predictions" VALUES(1,0,'images/0.jpg','right',0,0,0.75,X'00000000000000000000E83F01000000000000000000D03F','');
INSERT INTO "predictions" VALUES(1,1,'images/1.jpg','right',1,1,0.75,X'01000000000000000000E83F02000000000000000000D03F','');
INSERT INTO "predictions" VALUES(1,2,'images/2.jpg','right',2,2,0.75,X'02000000000000000000E83F03000000000000000000D03F','');
INSERT INTO "predictions" VALUES(1,3,'images/3.jpg','failed',2,NULL,NULL,X'','the image is broken');
INSERT INTO "predictions" VALUES(1,4,'images/4.jpg','wrong',1,0,0.75,X'00000000000000000000E83F01000000000000000000D03F','');
INSERT INTO "predictions" VALUES(1,5,'images/5.jpg','wrong',2,1,0.75,X'01000000000000000000E83F02000000000000000000D03F','');
INSERT INTO "predictions" VALUES(1,6,'images/6.jpg','wrong',0,2,0.75,X'02000000000000000000E83F03000000000000000000D03F','');
INSERT INTO "predictions" VALUES(1,7,'images/7.jpg','failed',2,NULL,NULL,X'','the image is broken');
INSERT INTO "predictions" VALUES(2,0,'images/0.jpg','right',0,0,0.75,X'00000000000000000000E83F01000000000000000000D03F','');
INSERT INTO "predictions" VALUES(2,1,'images/1.jpg','right',1,1,0.75,X'01000000000000000000E83F02000000000000000000D03F','');
INSERT INTO "predictions" VALUES(2,2,'images/2.jpg','right',2,2,0.75,X'02000000000000000000E83F03000000000000000000D03F','');
INSERT INTO "predictions" VALUES(2,3,'images/3.jpg','failed',2,NULL,NULL,X'','the image is broken');
CREATE TABLE traces (
	evaluation_key INTEGER NOT NULL, 
	part_index INTEGER NOT NULL, 
	spans BLOB NOT NULL, 
	PRIMARY KEY (evaluation_key, part_index), 
	FOREIGN KEY(evaluation_key) REFERENCES evaluations ("key") ON DELETE CASCADE
);
INSERT INTO "traces" VALUES(1,0,X'789C258A310E83301004FF72B50B9A347428D0258A14D15B677B95582227CBBED020FECE25743BB3B391F007D453F4A522E5A8E468C18AC5DCFD314E373F3F87EB64562B47F89CECF845ADB09CD43AC3C215A2A7300C7865F1D2A8EF1C41D27F5E1CB16ACDE1AB30DC28B0C6B725FB7E00657A2B0C');
INSERT INTO "traces" VALUES(1,1,X'789C258A310EC2301004FF72B50B52D0A443241D0809D15B677B152C8593655F68A2FC9D43EE76667627E10F68A4E84B45CA51C9D18A2F5673F7C734DFFCEB79B9CE66B57284CFC9C2FFD40A4BA7361816AE10EDC23060C9E2A5D1389C1C4152DF6747AC5A73D814C63B05D6F8B6701C3FB2F72B70');
INSERT INTO "traces" VALUES(2,0,X'789C258A310E83301004FF72B50B9A347428D0258A14D15B677B95582227CBBED020FECE25743BB3B391F007D453F4A522E5A8E468C18AC5DCFD314E373F3F87EB64562B47F89CECF845ADB09CD43AC3C215A2A7300C7865F1D2A8EF1C41D27F5E1CB16ACDE1AB30DC28B0C6B725FB7E00657A2B0C');
CREATE INDEX evaluations_by_fingerprint ON evaluations (fingerprint, created_at);
CREATE INDEX evaluations_by_time ON evaluations (created_at);
CREATE INDEX predictions_by_outcome ON predictions (evaluation_key, outcome, input_index);
CREATE INDEX predictions_by_expected ON predictions (evaluation_key, expected, input_index);
CREATE INDEX predictions_by_answered ON predictions (evaluation_key, answered, input_index);
COMMIT;
