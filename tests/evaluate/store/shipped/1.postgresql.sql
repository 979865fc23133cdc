CREATE TABLE public.evaluations (
    key integer NOT NULL,
    id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    mode text NOT NULL,
    state text NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    framework_name text NOT NULL,
    framework_version text NOT NULL,
    dataset_category text NOT NULL,
    dataset_name text NOT NULL,
    target text NOT NULL,
    "precision" text NOT NULL,
    threads integer NOT NULL,
    batch_size integer NOT NULL,
    partition_list_size integer NOT NULL,
    parts integer NOT NULL,
    engine text NOT NULL,
    trace_level integer NOT NULL,
    machine_digest text NOT NULL,
    fingerprint text NOT NULL,
    settings json NOT NULL,
    error text NOT NULL,
    results json NOT NULL
);
CREATE SEQUENCE public.evaluations_key_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.evaluations_key_seq OWNED BY public.evaluations.key;
CREATE TABLE public.machines (
    digest text NOT NULL,
    hostname text NOT NULL,
    architecture text NOT NULL,
    cpu text NOT NULL,
    cores integer NOT NULL,
    memory bigint NOT NULL,
    system text NOT NULL,
    python text NOT NULL,
    features json NOT NULL,
    gpu text NOT NULL,
    gpu_driver text NOT NULL
);
CREATE TABLE public.model_accuracy (
    evaluation_key integer NOT NULL,
    labelled integer NOT NULL,
    unlabelled integer NOT NULL,
    failures integer NOT NULL,
    top_1 double precision,
    top_5 double precision,
    calibration_error double precision
);
CREATE TABLE public.ngc_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.parts (
    evaluation_key integer NOT NULL,
    part_index integer NOT NULL,
    begin_index integer NOT NULL,
    end_index integer NOT NULL,
    durations_us json NOT NULL,
    tally json NOT NULL
);
CREATE TABLE public.performance (
    evaluation_key integer NOT NULL,
    inputs integer NOT NULL,
    batches integer NOT NULL,
    total_us double precision,
    mean_us double precision,
    min_us double precision,
    median_us double precision,
    p90_us double precision,
    p99_us double precision,
    max_us double precision
);
CREATE TABLE public.predictions (
    evaluation_key integer NOT NULL,
    input_index integer NOT NULL,
    input_id text NOT NULL,
    outcome text NOT NULL,
    expected integer,
    answered integer,
    probability double precision,
    features bytea NOT NULL,
    error text NOT NULL
);
CREATE TABLE public.traces (
    evaluation_key integer NOT NULL,
    part_index integer NOT NULL,
    spans bytea NOT NULL
);
ALTER TABLE ONLY public.evaluations ALTER COLUMN key SET DEFAULT nextval('public.evaluations_key_seq'::regclass);
INSERT INTO public.evaluations VALUES (2, 'interrupted', '2024-11-26 12:30:15.25+00', '2026-11-26 06:31:13.270679+00', 'dataset', 'running', 'ResNet50_v1', '1.0', 'MXNet', '1.9.1', 'vision', 'validation', 'cpu', 'fp32', 4, 2, 4, 2, 'local', 2, 'cbd44f86596d8726a5971695df481ea32b12a8f11aa7611651ca493bd2757721', 'interrupted', '{"seed":1,"calibration":null,"flags":["a","b"]}', '', '{}');
INSERT INTO public.evaluations VALUES (1, 'finished', '2024-11-26 12:30:15.25+00', '2026-11-26 06:31:13.282177+00', 'dataset', 'finished', 'ResNet50_v1', '1.0', 'MXNet', '1.9.1', 'vision', 'validation', 'cpu', 'fp32', 4, 2, 4, 2, 'local', 2, 'cbd44f86596d8726a5971695df481ea32b12a8f11aa7611651ca493bd2757721', 'finished', '{"seed":1,"calibration":null,"flags":["a","b"]}', '', '{"qps":{"$float":"inf"}}');
INSERT INTO public.machines VALUES ('cbd44f86596d8726a5971695df481ea32b12a8f11aa7611651ca493bd2757721', 'host', 'x86_64', 'A processor', 4, 1099511627776, 'Linux', '3.11.7', '["avx2","fma"]', '', '');
INSERT INTO public.model_accuracy VALUES (1, 6, 0, 2, 0.5, 1, 0.25);
INSERT INTO public.ngc_version VALUES ('1');
INSERT INTO public.parts VALUES (1, 0, 0, 4, '[100.0,200.5]', '{"labelled":3,"unlabelled":0,"failures":1,"top1":3,"top5":3,"confusion":[],"bins":[[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[3,3,2.25]]}');
INSERT INTO public.parts VALUES (1, 1, 4, 8, '[101.0,200.5]', '{"labelled":3,"unlabelled":0,"failures":1,"top1":0,"top5":3,"confusion":[],"bins":[[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[3,0,2.25]]}');
INSERT INTO public.parts VALUES (2, 0, 0, 4, '[100.0,200.5]', '{"labelled":3,"unlabelled":0,"failures":1,"top1":3,"top5":3,"confusion":[],"bins":[[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[0,0,0.0],[3,3,2.25]]}');
INSERT INTO public.performance VALUES (1, 8, 4, 602, 150.5, 100, 150.75, 200.5, 200.5, 200.5);
INSERT INTO public.predictions VALUES (1, 0, 'images/0.jpg', 'right', 0, 0, 0.75, '\x00000000000000000000e83f01000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (1, 1, 'images/1.jpg', 'right', 1, 1, 0.75, '\x01000000000000000000e83f02000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (1, 2, 'images/2.jpg', 'right', 2, 2, 0.75, '\x02000000000000000000e83f03000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (1, 3, 'images/3.jpg', 'failed', 2, NULL, NULL, '\x', 'the image is broken');
INSERT INTO public.predictions VALUES (1, 4, 'images/4.jpg', 'wrong', 1, 0, 0.75, '\x00000000000000000000e83f01000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (1, 5, 'images/5.jpg', 'wrong', 2, 1, 0.75, '\x01000000000000000000e83f02000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (1, 6, 'images/6.jpg', 'wrong', 0, 2, 0.75, '\x02000000000000000000e83f03000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (1, 7, 'images/7.jpg', 'failed', 2, NULL, NULL, '\x', 'the image is broken');
INSERT INTO public.predictions VALUES (2, 0, 'images/0.jpg', 'right', 0, 0, 0.75, '\x00000000000000000000e83f01000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (2, 1, 'images/1.jpg', 'right', 1, 1, 0.75, '\x01000000000000000000e83f02000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (2, 2, 'images/2.jpg', 'right', 2, 2, 0.75, '\x02000000000000000000e83f03000000000000000000d03f', '');
INSERT INTO public.predictions VALUES (2, 3, 'images/3.jpg', 'failed', 2, NULL, NULL, '\x', 'the image is broken');
INSERT INTO public.traces VALUES (1, 0, '\x789c258a310e83301004ff72b50b9a347428d0258a14d15b677b95582227cbbed020fece25743bb3b391f007d453f4a522e5a8e468c18ac5dcfd314e373f3f87eb64562b47f89cecf845adb09cd43ac3c215a2a7300c7865f1d2a8ef1c41d27f5e1cb16acde1ab30dc28b0c6b725fb7e00657a2b0c');
INSERT INTO public.traces VALUES (1, 1, '\x789c258a310ec2301004ff72b50b52d0a443241d0809d15b677b152c8593655f68a2fc9d43ee76667627e10f68a4e84b45ca51c9d18a2f5673f7c734dffceb79b9ce66b57284cfc9c2ffd40a4ba7361816ae10edc23060c9e2a5d1389c1c4152df6747ac5a73d814c63b05d6f8b6701c3fb2f72b70');
INSERT INTO public.traces VALUES (2, 0, '\x789c258a310e83301004ff72b50b9a347428d0258a14d15b677b95582227cbbed020fece25743bb3b391f007d453f4a522e5a8e468c18ac5dcfd314e373f3f87eb64562b47f89cecf845adb09cd43ac3c215a2a7300c7865f1d2a8ef1c41d27f5e1cb16acde1ab30dc28b0c6b725fb7e00657a2b0c');
SELECT pg_catalog.setval('public.evaluations_key_seq', 2, true);
ALTER TABLE ONLY public.evaluations
    ADD CONSTRAINT evaluations_id_key UNIQUE (id);
ALTER TABLE ONLY public.evaluations
    ADD CONSTRAINT evaluations_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.machines
    ADD CONSTRAINT machines_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.model_accuracy
    ADD CONSTRAINT model_accuracy_pkey PRIMARY KEY (evaluation_key);
ALTER TABLE ONLY public.ngc_version
    ADD CONSTRAINT ngc_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.parts
    ADD CONSTRAINT parts_pkey PRIMARY KEY (evaluation_key, part_index);
ALTER TABLE ONLY public.performance
    ADD CONSTRAINT performance_pkey PRIMARY KEY (evaluation_key);
ALTER TABLE ONLY public.predictions
    ADD CONSTRAINT predictions_pkey PRIMARY KEY (evaluation_key, input_index);
ALTER TABLE ONLY public.traces
    ADD CONSTRAINT traces_pkey PRIMARY KEY (evaluation_key, part_index);
CREATE INDEX evaluations_by_fingerprint ON public.evaluations USING btree (fingerprint, created_at);
CREATE INDEX evaluations_by_time ON public.evaluations USING btree (created_at);
CREATE INDEX predictions_by_answered ON public.predictions USING btree (evaluation_key, answered, input_index);
CREATE INDEX predictions_by_expected ON public.predictions USING btree (evaluation_key, expected, input_index);
CREATE INDEX predictions_by_outcome ON public.predictions USING btree (evaluation_key, outcome, input_index);
ALTER TABLE ONLY public.evaluations
    ADD CONSTRAINT evaluations_machine_digest_fkey FOREIGN KEY (machine_digest) REFERENCES public.machines(digest);
ALTER TABLE ONLY public.model_accuracy
    ADD CONSTRAINT model_accuracy_evaluation_key_fkey FOREIGN KEY (evaluation_key) REFERENCES public.evaluations(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.parts
    ADD CONSTRAINT parts_evaluation_key_fkey FOREIGN KEY (evaluation_key) REFERENCES public.evaluations(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.performance
    ADD CONSTRAINT performance_evaluation_key_fkey FOREIGN KEY (evaluation_key) REFERENCES public.evaluations(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.predictions
    ADD CONSTRAINT predictions_evaluation_key_fkey FOREIGN KEY (evaluation_key) REFERENCES public.evaluations(key) ON DELETE CASCADE;
ALTER TABLE ONLY public.traces
    ADD CONSTRAINT traces_evaluation_key_fkey FOREIGN KEY (evaluation_key) REFERENCES public.evaluations(key) ON DELETE CASCADE;
