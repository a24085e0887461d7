-- Each heartbeat asks what its device has to wipe: without this it read every person's norm.
CREATE INDEX norms_by_device ON norms (device_id);
