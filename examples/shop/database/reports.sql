-- A second database, which the connector fills, and the catalog of the lake.
CREATE ROLE :"user" LOGIN PASSWORD :'password';
CREATE DATABASE reports OWNER :"user";
CREATE DATABASE lake OWNER :"user";
