-- A provider that rotates refresh tokens takes the second use of one for theft: of all processes one
-- renews, until this time at most, and the others wait for what it gets.
alter table linked_accounts add column refreshing_until timestamptz null;
