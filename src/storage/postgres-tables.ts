// PostgreSQL tables and their indexes, as the first version of the schema creates them.

/**
 * Keys compare by bytes, whatever the database's collation. Rows are read newest first by `sequence`, which is never given
 * twice. `attempt` names the call that wrote a row last, by which a call knows itself again after its connection was cut.
 *
 * @param schema quoted.
 */
export function tablesIn(schema: string): string {
  return `
CREATE TABLE ${schema}.lava_customers (
  customer_id text COLLATE "C" PRIMARY KEY,
  cycle bigint NOT NULL DEFAULT 0 CHECK (cycle >= 0),
  bundle bigint NOT NULL DEFAULT 0,
  held bigint NOT NULL DEFAULT 0 CHECK (held >= 0)
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.lava_entries (
  entry_id text COLLATE "C" PRIMARY KEY,
  customer_id text COLLATE "C" NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  part text NOT NULL CHECK (part IN ('cycle', 'bundle')),
  created_at text NOT NULL,
  attempt text NOT NULL
);

CREATE TABLE ${schema}.lava_totals (
  customer_id text COLLATE "C" NOT NULL,
  meter_id text COLLATE "C" NOT NULL,
  cycle text COLLATE "C" NOT NULL,
  units bigint NOT NULL CHECK (units >= 0),
  PRIMARY KEY (customer_id, meter_id, cycle)
) WITH (fillfactor = 50);

CREATE TABLE ${schema}.lava_requests (
  sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  request_id text COLLATE "C" NOT NULL UNIQUE,
  customer_id text COLLATE "C",
  meter_id text COLLATE "C",
  status text NOT NULL CHECK (status IN ('pending', 'completed', 'error')),
  fingerprint text COLLATE "C" NOT NULL,
  attempt text NOT NULL,
  held bigint NOT NULL CHECK (held >= 0),
  lost boolean NOT NULL DEFAULT false,
  expires_at_ms bigint,
  created_at text NOT NULL,
  created_at_ms bigint NOT NULL,
  cost bigint NOT NULL,
  charge bigint NOT NULL,
  total_tokens double precision NOT NULL,
  metadata text[] NOT NULL,
  record json NOT NULL
);
CREATE INDEX lava_requests_by_customer ON ${schema}.lava_requests (customer_id, sequence) WHERE customer_id IS NOT NULL;
CREATE INDEX lava_requests_by_meter ON ${schema}.lava_requests (meter_id, sequence) WHERE meter_id IS NOT NULL;
CREATE INDEX lava_requests_open ON ${schema}.lava_requests (expires_at_ms, sequence) WHERE status = 'pending';
CREATE INDEX lava_requests_completed ON ${schema}.lava_requests (created_at_ms)
  INCLUDE (customer_id, meter_id, total_tokens, cost, charge) WHERE status = 'completed';
CREATE INDEX lava_requests_completed_by_customer ON ${schema}.lava_requests (customer_id, created_at_ms)
  INCLUDE (meter_id, total_tokens, cost, charge) WHERE status = 'completed' AND customer_id IS NOT NULL;

CREATE TABLE ${schema}.lava_request_metadata (
  pair text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  PRIMARY KEY (pair, sequence)
);

CREATE TABLE ${schema}.lava_documents (
  kind text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  document json NOT NULL,
  attempt text NOT NULL,
  PRIMARY KEY (kind, id)
);
`
}
