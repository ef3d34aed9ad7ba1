-- The shop's own database. Its owner is the user of the connector, which makes its publication.
CREATE ROLE :"user" LOGIN REPLICATION PASSWORD :'password';
CREATE DATABASE shop OWNER :"user";
\connect shop
CREATE TABLE customers (id bigserial PRIMARY KEY, name text NOT NULL, city text NOT NULL);
CREATE TABLE orders (
  id bigserial PRIMARY KEY,
  customer bigint NOT NULL REFERENCES customers,
  amount numeric(10, 2) NOT NULL,
  state text NOT NULL DEFAULT 'new'
);
ALTER TABLE customers OWNER TO :"user";
ALTER TABLE orders OWNER TO :"user";
INSERT INTO customers (name, city)
  SELECT 'customer ' || n, (ARRAY['Aarhus', 'Bergen', 'Cork', 'Dresden'])[1 + n % 4] FROM generate_series(1, 50) n;
INSERT INTO orders (customer, amount) SELECT 1 + n % 50, 5 + n % 60 FROM generate_series(1, 1000) n;
