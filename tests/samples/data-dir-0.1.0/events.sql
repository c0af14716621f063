PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE attributes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO "attributes" VALUES(-8745594292371610581,'{"friendly_name":"Simulated text 0"}');
INSERT INTO "attributes" VALUES(-7609220497176641595,'{"seq":1,"friendly_name":"Simulated steady 0"}');
INSERT INTO "attributes" VALUES(-7279386299079290003,'{"device_class":"shutter","friendly_name":"Simulated cover 0"}');
INSERT INTO "attributes" VALUES(-6935593743250571715,'{"hvac_modes":["off","heat"],"friendly_name":"Simulated climate 0"}');
INSERT INTO "attributes" VALUES(-4774491498169402734,'{"friendly_name":"Simulated person 0"}');
INSERT INTO "attributes" VALUES(-4216659193022724457,'{"unit_of_measurement":"kW","device_class":"power","state_class":"measurement","friendly_name":"Simulated power 0"}');
INSERT INTO "attributes" VALUES(-3923230419813750945,'{"unit_of_measurement":"Wh","device_class":"energy","state_class":"measurement","friendly_name":"Simulated energy 0"}');
INSERT INTO "attributes" VALUES(-2420641674555798345,'{"seq":0,"friendly_name":"Simulated steady 0"}');
INSERT INTO "attributes" VALUES(-1524900175377754536,'{"supported_color_modes":["xy","brightness"],"rgb_color":[1,7,9],"brightness":213,"friendly_name":"Simulated lamp 0"}');
INSERT INTO "attributes" VALUES(-614971409189546432,'{"supported_color_modes":["xy","brightness"],"rgb_color":[0,7,9],"brightness":52,"friendly_name":"Simulated lamp 0"}');
INSERT INTO "attributes" VALUES(117041243132532103,'{"unit_of_measurement":"hPa","friendly_name":"Simulated fleeting 0"}');
INSERT INTO "attributes" VALUES(654535492507693041,'{"device_class":"motion","friendly_name":"Simulated motion 0"}');
INSERT INTO "attributes" VALUES(788987902182020735,'{"friendly_name":"Simulated lock 0"}');
INSERT INTO "attributes" VALUES(3402331198918827756,'{"unit_of_measurement":"inHg","device_class":"atmospheric_pressure","state_class":"measurement","friendly_name":"Simulated pressure 0"}');
INSERT INTO "attributes" VALUES(4667213764404335524,'{"friendly_name":"Simulated zone"}');
INSERT INTO "attributes" VALUES(4797975877649984101,'{"friendly_name":"Simulated player 0"}');
INSERT INTO "attributes" VALUES(5629877060154677387,'{"unit_of_measurement":"W","device_class":"power","state_class":"measurement","friendly_name":"Simulated flaky 0"}');
INSERT INTO "attributes" VALUES(5662062291373547735,'{"list":[1,"two",null],"quote":"\""}');
INSERT INTO "attributes" VALUES(6377404876885064726,'{"unit_of_measurement":"°C","device_class":"temperature","state_class":"measurement","friendly_name":"Simulated temperature 0"}');
INSERT INTO "attributes" VALUES(7338088888921917254,'{"morph":"1","friendly_name":"Simulated morphing 0"}');
INSERT INTO "attributes" VALUES(8226672804126364687,'{"unit_of_measurement":"°F","device_class":"temperature","state_class":"measurement","friendly_name":"Simulated outdoor 0"}');
INSERT INTO "attributes" VALUES(8799032156991366749,'{"morph":0,"friendly_name":"Simulated morphing 0"}');
CREATE TABLE captured (
    id INTEGER PRIMARY KEY, home TEXT NOT NULL, entity_id TEXT NOT NULL, series TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (home, entity_id)
);
INSERT INTO "captured" VALUES(1,'home','zone.sim_0','{"home":"home","entity_id":"zone.sim_0","domain":"zone","device_class":null,"state_class":null,"area":null,"friendly_name":"Simulated zone","unit":null}',2296304718);
INSERT INTO "captured" VALUES(2,'home','sensor.sim_energy_0','{"home":"home","entity_id":"sensor.sim_energy_0","domain":"sensor","device_class":"energy","state_class":"measurement","area":"Living room","friendly_name":"Simulated energy 0","unit":"kWh"}',3850102800);
INSERT INTO "captured" VALUES(3,'home','sensor.sim_pressure_0','{"home":"home","entity_id":"sensor.sim_pressure_0","domain":"sensor","device_class":"atmospheric_pressure","state_class":"measurement","area":"Café, \"front\"","friendly_name":"Simulated pressure 0","unit":"hPa"}',185946871);
INSERT INTO "captured" VALUES(4,'home','sensor.sim_fleeting_0','{"home":"home","entity_id":"sensor.sim_fleeting_0","domain":"sensor","device_class":null,"state_class":null,"area":"Living room","friendly_name":"Simulated fleeting 0","unit":"hPa"}',1124525384);
INSERT INTO "captured" VALUES(5,'home','sensor.sim_outdoor_0','{"home":"home","entity_id":"sensor.sim_outdoor_0","domain":"sensor","device_class":"temperature","state_class":"measurement","area":null,"friendly_name":"Simulated outdoor 0","unit":"°C"}',1692096585);
INSERT INTO "captured" VALUES(6,'home','cover.sim_cover_0','{"home":"home","entity_id":"cover.sim_cover_0","domain":"cover","device_class":"shutter","state_class":null,"area":null,"friendly_name":"Simulated cover 0","unit":null}',2134978853);
INSERT INTO "captured" VALUES(7,'home','sensor.sim_text_0','{"home":"home","entity_id":"sensor.sim_text_0","domain":"sensor","device_class":null,"state_class":null,"area":"Living room","friendly_name":"Simulated text 0","unit":null}',1395183636);
INSERT INTO "captured" VALUES(8,'home','person.sim_person_0','{"home":"home","entity_id":"person.sim_person_0","domain":"person","device_class":null,"state_class":null,"area":null,"friendly_name":"Simulated person 0","unit":null}',1745640865);
INSERT INTO "captured" VALUES(9,'home','light.sim_lamp_0','{"home":"home","entity_id":"light.sim_lamp_0","domain":"light","device_class":null,"state_class":null,"area":"Café, \"front\"","friendly_name":"Simulated lamp 0","unit":null}',3428521672);
INSERT INTO "captured" VALUES(10,'home','sensor.sim_power_0','{"home":"home","entity_id":"sensor.sim_power_0","domain":"sensor","device_class":"power","state_class":"measurement","area":"Garage","friendly_name":"Simulated power 0","unit":"W"}',1159292841);
INSERT INTO "captured" VALUES(11,'home','sensor.sim_steady_0','{"home":"home","entity_id":"sensor.sim_steady_0","domain":"sensor","device_class":null,"state_class":null,"area":null,"friendly_name":"Simulated steady 0","unit":null}',1439811569);
INSERT INTO "captured" VALUES(12,'home','lock.sim_lock_0','{"home":"home","entity_id":"lock.sim_lock_0","domain":"lock","device_class":null,"state_class":null,"area":"Living room","friendly_name":"Simulated lock 0","unit":null}',3324881748);
INSERT INTO "captured" VALUES(13,'home','sensor.sim_temperature_0','{"home":"home","entity_id":"sensor.sim_temperature_0","domain":"sensor","device_class":"temperature","state_class":"measurement","area":"Living room","friendly_name":"Simulated temperature 0","unit":"°C"}',3587669478);
INSERT INTO "captured" VALUES(14,'home','climate.sim_climate_0','{"home":"home","entity_id":"climate.sim_climate_0","domain":"climate","device_class":null,"state_class":null,"area":"Kitchen","friendly_name":"Simulated climate 0","unit":null}',3471839590);
INSERT INTO "captured" VALUES(15,'home','sensor.sim_morphing_0','{"home":"home","entity_id":"sensor.sim_morphing_0","domain":"sensor","device_class":null,"state_class":null,"area":"Café, \"front\"","friendly_name":"Simulated morphing 0","unit":null}',62960498);
INSERT INTO "captured" VALUES(16,'home','sensor.sim_flaky_0','{"home":"home","entity_id":"sensor.sim_flaky_0","domain":"sensor","device_class":"power","state_class":"measurement","area":"Garage","friendly_name":"Simulated flaky 0","unit":"W"}',2964131701);
INSERT INTO "captured" VALUES(17,'home','binary_sensor.sim_motion_0','{"home":"home","entity_id":"binary_sensor.sim_motion_0","domain":"binary_sensor","device_class":"motion","state_class":null,"area":null,"friendly_name":"Simulated motion 0","unit":null}',2820780479);
INSERT INTO "captured" VALUES(18,'home','media_player.sim_player_0','{"home":"home","entity_id":"media_player.sim_player_0","domain":"media_player","device_class":null,"state_class":null,"area":"Café, \"front\"","friendly_name":"Simulated player 0","unit":null}',927499965);
INSERT INTO "captured" VALUES(19,'home','sensor.number_1','{"home":"home","entity_id":"sensor.number_1","domain":"sensor","device_class":"temperature","state_class":"measurement","area":"Café, \"front\" = \\ 漢😀\nnew line","friendly_name":"Café, \"front\" = \\ 漢😀\nnew line","unit":"°C"}',1724056440);
INSERT INTO "captured" VALUES(20,'home','sensor.number_3','{"home":"home","entity_id":"sensor.number_3","domain":"sensor","device_class":null,"state_class":null,"area":null,"friendly_name":null,"unit":null}',3096705618);
CREATE TABLE commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL);
INSERT INTO "commits" VALUES(1,1);
CREATE TABLE events (
    series_id INTEGER NOT NULL REFERENCES series (id),
    time INTEGER NOT NULL,
    state TEXT, value REAL, previous_state TEXT, previous_duration_seconds REAL,
    attributes_id INTEGER REFERENCES attributes (id),
    observation_id INTEGER REFERENCES observations (id),
    persons_home INTEGER, caused_by TEXT, removed INTEGER,
    PRIMARY KEY (series_id, time)
) WITHOUT ROWID;
INSERT INTO "events" VALUES(1,1795658609230057000,'0',0.0,NULL,NULL,4667213764404335524,NULL,NULL,'device',NULL);
INSERT INTO "events" VALUES(2,1795658611446622000,'78.16',2.5644444444444442154e+01,NULL,NULL,8226672804126364687,5225781323498226827,0,'automation',NULL);
INSERT INTO "events" VALUES(2,1795658612857392000,'81.19',2.73277777777777757255e+01,'78.16',1.41077,8226672804126364687,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(3,1795658611295935000,'0',0.0,NULL,NULL,-3923230419813750945,5225781323498226827,0,'device',NULL);
INSERT INTO "events" VALUES(3,1795658612806734000,'1',0.001,'0',1.510799,-3923230419813750945,117129455765578168,0,'user',NULL);
INSERT INTO "events" VALUES(4,1795658611396891000,'1',1.0,NULL,NULL,117041243132532103,5225781323498226827,0,'device',NULL);
INSERT INTO "events" VALUES(4,1795658612557356000,'2',2.0,'1',1.160465,117041243132532103,117129455765578168,0,'automation',NULL);
INSERT INTO "events" VALUES(5,1795658611350160000,'29.53',1.00000056549269731936e+03,NULL,NULL,3402331198918827756,5225781323498226827,0,'device',NULL);
INSERT INTO "events" VALUES(5,1795658612907023000,'30.11',1.01964161960667502166e+03,'29.53',1.556863,3402331198918827756,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(6,1795658611596897000,'home',1.0,NULL,NULL,-4774491498169402734,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(6,1795658612506699000,'not_home',0.0,'home',0.909802,-4774491498169402734,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(7,1795658611696826000,'8.113',8113.0,NULL,NULL,-4216659193022724457,5225781323498226827,1,'user',NULL);
INSERT INTO "events" VALUES(7,1795658612406389000,'8.339',8339.0,'8.113',0.709563,-4216659193022724457,NULL,1,'device',NULL);
INSERT INTO "events" VALUES(8,1795658611746467000,'steady',NULL,NULL,NULL,-2420641674555798345,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(8,1795658612656724000,'steady',NULL,'steady',0.910257,-7609220497176641595,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(9,1795658611547160000,'say "hello"',NULL,NULL,NULL,-8745594292371610581,5225781323498226827,0,'device',NULL);
INSERT INTO "events" VALUES(9,1795658612196627000,'comma, and = sign',NULL,'say "hello"',0.649467,-8745594292371610581,5225781323498226827,1,'user',NULL);
INSERT INTO "events" VALUES(10,1795658611496372000,'closed',0.0,NULL,NULL,-7279386299079290003,5225781323498226827,0,'device',NULL);
INSERT INTO "events" VALUES(10,1795658612707330000,'opening',1.0,'closed',1.210958,-7279386299079290003,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(11,1795658611650158000,'on',1.0,NULL,NULL,-614971409189546432,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(11,1795658612456993000,'off',0.0,'on',0.806835,-1524900175377754536,117129455765578168,1,'device',NULL);
INSERT INTO "events" VALUES(12,1795658611996941000,'1',1.0,NULL,NULL,5629877060154677387,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(12,1795658613007536000,'unavailable',NULL,'1',1.010595,5629877060154677387,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(13,1795658612096181000,'playing',1.0,NULL,NULL,4797975877649984101,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(13,1795658612246284000,'paused',1.0,'playing',0.150103,4797975877649984101,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(14,1795658611797131000,'locked',1.0,NULL,NULL,788987902182020735,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(14,1795658612607033000,'unlocked',0.0,'locked',0.809902,788987902182020735,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(15,1795658611846881000,'-8.62',-8.62,NULL,NULL,6377404876885064726,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(15,1795658612146880000,'32.85',32.85,'-8.62',0.299999,6377404876885064726,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(16,1795658611896554000,'heat',1.0,NULL,NULL,-6935593743250571715,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(16,1795658612757013000,'off',0.0,'heat',0.860459,-6935593743250571715,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(17,1795658611946263000,'0.03',0.03,NULL,NULL,8799032156991366749,5225781323498226827,1,'automation',NULL);
INSERT INTO "events" VALUES(17,1795658612957731000,'0.64',0.64,'0.03',1.011468,7338088888921917254,117129455765578168,0,'device',NULL);
INSERT INTO "events" VALUES(18,1795658612046587000,'on',1.0,NULL,NULL,654535492507693041,5225781323498226827,1,'device',NULL);
INSERT INTO "events" VALUES(18,1795658613057201000,'off',0.0,'on',1.010614,654535492507693041,117129455765578168,0,'automation',NULL);
INSERT INTO "events" VALUES(19,1795421406000000000,NULL,NULL,'5',3.0,NULL,NULL,NULL,NULL,1);
INSERT INTO "events" VALUES(20,1795421404000000000,'Café, "front" = \ 漢😀
new line',-21.5,'Café, "front" = \ 漢😀
new line',1.0e-06,5662062291373547735,5653945922347967864,2,'automation',NULL);
INSERT INTO "events" VALUES(21,1795421480000000000,'77',77.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE home_assistant_entities (
    time INTEGER NOT NULL,
    home TEXT NOT NULL, entity_id TEXT NOT NULL, domain TEXT NOT NULL,
    friendly_name TEXT, device TEXT, area TEXT, floor TEXT, labels TEXT, integration TEXT,
    PRIMARY KEY (home, entity_id, time)
) WITHOUT ROWID;
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','binary_sensor.sim_motion_0','binary_sensor','binary_sensor.sim_motion_0',NULL,NULL,NULL,'Critical, loads','simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','climate.sim_climate_0','climate','climate.sim_climate_0',NULL,'Kitchen','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','cover.sim_cover_0','cover','cover.sim_cover_0',NULL,NULL,NULL,NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','light.sim_lamp_0','light','light.sim_lamp_0','Simulated device 2','Café, "front"','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','lock.sim_lock_0','lock','lock.sim_lock_0','Simulated device 0','Living room','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','media_player.sim_player_0','media_player','media_player.sim_player_0','Simulated device 2','Café, "front"','Ground floor','Critical, loads','simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','person.sim_person_0','person','person.sim_person_0',NULL,NULL,NULL,NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403000000000,'home','sensor.a','sensor','Café, "front" = \ 漢😀
new line','Device, 1','Attic','Top','a,b, c','truth');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_energy_0','sensor','sensor.sim_energy_0','Simulated device 0','Living room','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_flaky_0','sensor','sensor.sim_flaky_0',NULL,'Garage','Ground floor','Critical, loads','simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_fleeting_0','sensor','sensor.sim_fleeting_0','Simulated device 0','Living room','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_morphing_0','sensor','sensor.sim_morphing_0','Simulated device 2','Café, "front"','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_outdoor_0','sensor','sensor.sim_outdoor_0',NULL,NULL,NULL,NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_power_0','sensor','sensor.sim_power_0',NULL,'Garage','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_pressure_0','sensor','sensor.sim_pressure_0','Simulated device 2','Café, "front"','Ground floor',NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_steady_0','sensor','sensor.sim_steady_0',NULL,NULL,NULL,NULL,'simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_temperature_0','sensor','sensor.sim_temperature_0','Simulated device 0','Living room','Ground floor','Critical, loads','simulator');
INSERT INTO "home_assistant_entities" VALUES(1795421403005485000,'home','sensor.sim_text_0','sensor','sensor.sim_text_0','Simulated device 0','Living room','Ground floor',NULL,'simulator');
CREATE TABLE home_assistant_statistics (
    home TEXT NOT NULL, entity_id TEXT NOT NULL, source TEXT NOT NULL, unit TEXT NOT NULL,  -- '' where there is none
    time INTEGER NOT NULL,
    mean REAL, min REAL, max REAL, sum REAL, state REAL,
    PRIMARY KEY (home, entity_id, time, source, unit)
) WITHOUT ROWID;
INSERT INTO "home_assistant_statistics" VALUES('home','sensor.a','recorder','kWh',1795420800000000000,1.5,-1.0,1.0e+21,1234.5678,0.0);
CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, checksum INTEGER NOT NULL, body BLOB NOT NULL);
INSERT INTO "notes" VALUES(3,336746404,X'8BA474797065A8476170466F756E64A3676170B5686F6D653A31373935343231343939303030303030A4686F6D65A4686F6D65A56361757365A6636C6F736564A664657461696CD92074686520736F636B657420636C6F73656420776974686F7574206120776F7264A766726F6D5F7573CF00066124598A80E9A8666F756E645F6E73CF18EB75FDC5078E2FA9696E74657276616C739187A9656E746974795F6964AA7A6F6E652E73696D5F30A673657269657388A4686F6D65A4686F6D65A9656E746974795F6964AA7A6F6E652E73696D5F30A6646F6D61696EA47A6F6E65AC6465766963655F636C617373C0AB73746174655F636C617373C0A461726561C0AD667269656E646C795F6E616D65AE53696D756C61746564207A6F6E65A4756E6974C0A861667465725F7573CF00066124598A80E9A8636170747572656401AA7761735F616273656E74C2A8756E74696C5F7573C0AC756E74696C5F736572696573C0A577686F6C65C2AF696E746163745F73696E63655F7573C0A7616E63686F727390');
INSERT INTO "notes" VALUES(4,3054506329,X'8BA474797065A8476170466F756E64A3676170B5686F6D653A31373935343231343939303030303030A4686F6D65A4686F6D65A56361757365A6636C6F736564A664657461696CD92074686520736F636B657420636C6F73656420776974686F7574206120776F7264A766726F6D5F7573CF00066124598A80E9A8666F756E645F6E73CF18EB75FDC5078E2FA9696E74657276616C739187A9656E746974795F6964B873656E736F722E73696D5F74656D70657261747572655F30A673657269657388A4686F6D65A4686F6D65A9656E746974795F6964B873656E736F722E73696D5F74656D70657261747572655F30A6646F6D61696EA673656E736F72AC6465766963655F636C617373AB74656D7065726174757265AB73746174655F636C617373AB6D6561737572656D656E74A461726561AB4C6976696E6720726F6F6DAD667269656E646C795F6E616D65B753696D756C617465642074656D70657261747572652030A4756E6974A3C2B043A861667465725F7573CF000661245A61C2FBA8636170747572656401AA7761735F616273656E74C3A8756E74696C5F7573CF000661245AAE0E3BAC756E74696C5F73657269657388A4686F6D65A4686F6D65A9656E746974795F6964B873656E736F722E73696D5F74656D70657261747572655F30A6646F6D61696EA673656E736F72AC6465766963655F636C617373AB74656D7065726174757265AB73746174655F636C617373AB6D6561737572656D656E74A461726561AB4C6976696E6720726F6F6DAD667269656E646C795F6E616D65B753696D756C617465642074656D70657261747572652030A4756E6974A3C2B043A577686F6C65C3AF696E746163745F73696E63655F7573CF00066124597B3EA9A7616E63686F72739192AA7A6F6E652E73696D5F30CF00066124598A80E9');
INSERT INTO "notes" VALUES(5,3471747396,X'84A474797065AE456E7469747952657475726E6564A3676170B5686F6D653A31373935343231343939303030303030A9656E746974795F6964AA7A6F6E652E73696D5F30A561745F7573CF000661245A13D529');
INSERT INTO "notes" VALUES(6,3849072178,X'85A474797065A9436C6F636B52656164A4686F6D65A4686F6D65A868656172645F6E73CF18EB75FDC5078E28A66C61675F7573F4A56F70656E73C3');
CREATE TABLE observations (
    id INTEGER PRIMARY KEY,  -- a 64-bit hash of the rest
    location TEXT NOT NULL, observed_at INTEGER NOT NULL,
    temperature REAL, humidity REAL, pressure REAL, condition TEXT
);
INSERT INTO "observations" VALUES(117129455765578168,'48.2,16.37',1795658400,7.71,71.0,1016.0,'scattered clouds');
INSERT INTO "observations" VALUES(5225781323498226827,'52,5',1795658400,7.71,71.0,1016.0,'scattered clouds');
INSERT INTO "observations" VALUES(5653945922347967864,'52,5',1795421000,7.5,81.0,1013.0,'light rain');
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    home TEXT NOT NULL, entity_id TEXT NOT NULL, domain TEXT NOT NULL,
    device_class TEXT, state_class TEXT, area TEXT, friendly_name TEXT, unit TEXT
);
INSERT INTO "series" VALUES(1,'home','zone.sim_0','zone',NULL,NULL,NULL,'Simulated zone',NULL);
INSERT INTO "series" VALUES(2,'home','sensor.sim_outdoor_0','sensor','temperature','measurement',NULL,'Simulated outdoor 0','°C');
INSERT INTO "series" VALUES(3,'home','sensor.sim_energy_0','sensor','energy','measurement','Living room','Simulated energy 0','kWh');
INSERT INTO "series" VALUES(4,'home','sensor.sim_fleeting_0','sensor',NULL,NULL,'Living room','Simulated fleeting 0','hPa');
INSERT INTO "series" VALUES(5,'home','sensor.sim_pressure_0','sensor','atmospheric_pressure','measurement','Café, "front"','Simulated pressure 0','hPa');
INSERT INTO "series" VALUES(6,'home','person.sim_person_0','person',NULL,NULL,NULL,'Simulated person 0',NULL);
INSERT INTO "series" VALUES(7,'home','sensor.sim_power_0','sensor','power','measurement','Garage','Simulated power 0','W');
INSERT INTO "series" VALUES(8,'home','sensor.sim_steady_0','sensor',NULL,NULL,NULL,'Simulated steady 0',NULL);
INSERT INTO "series" VALUES(9,'home','sensor.sim_text_0','sensor',NULL,NULL,'Living room','Simulated text 0',NULL);
INSERT INTO "series" VALUES(10,'home','cover.sim_cover_0','cover','shutter',NULL,NULL,'Simulated cover 0',NULL);
INSERT INTO "series" VALUES(11,'home','light.sim_lamp_0','light',NULL,NULL,'Café, "front"','Simulated lamp 0',NULL);
INSERT INTO "series" VALUES(12,'home','sensor.sim_flaky_0','sensor','power','measurement','Garage','Simulated flaky 0','W');
INSERT INTO "series" VALUES(13,'home','media_player.sim_player_0','media_player',NULL,NULL,'Café, "front"','Simulated player 0',NULL);
INSERT INTO "series" VALUES(14,'home','lock.sim_lock_0','lock',NULL,NULL,'Living room','Simulated lock 0',NULL);
INSERT INTO "series" VALUES(15,'home','sensor.sim_temperature_0','sensor','temperature','measurement','Living room','Simulated temperature 0','°C');
INSERT INTO "series" VALUES(16,'home','climate.sim_climate_0','climate',NULL,NULL,'Kitchen','Simulated climate 0',NULL);
INSERT INTO "series" VALUES(17,'home','sensor.sim_morphing_0','sensor',NULL,NULL,'Café, "front"','Simulated morphing 0',NULL);
INSERT INTO "series" VALUES(18,'home','binary_sensor.sim_motion_0','binary_sensor','motion',NULL,NULL,'Simulated motion 0',NULL);
INSERT INTO "series" VALUES(19,'home','sensor.number_3','sensor',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "series" VALUES(20,'home','sensor.number_1','sensor','temperature','measurement','Café, "front" = \ 漢😀
new line','Café, "front" = \ 漢😀
new line','°C');
INSERT INTO "series" VALUES(21,'home','sensor.number_7','sensor',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE watermarks (
    id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, removed INTEGER NOT NULL, checksum INTEGER NOT NULL
);
INSERT INTO "watermarks" VALUES(1,1795658609230057000,1,733384317);
INSERT INTO "watermarks" VALUES(2,1795658612806734000,0,2349115716);
INSERT INTO "watermarks" VALUES(3,1795658612907023000,0,2288193461);
INSERT INTO "watermarks" VALUES(4,1795658612557356000,0,2500813526);
INSERT INTO "watermarks" VALUES(5,1795658612857392000,0,1463835089);
INSERT INTO "watermarks" VALUES(6,1795658612707330000,0,3452935151);
INSERT INTO "watermarks" VALUES(7,1795658612196627000,0,763875818);
INSERT INTO "watermarks" VALUES(8,1795658612506699000,0,1789025176);
INSERT INTO "watermarks" VALUES(9,1795658612456993000,0,2822837471);
INSERT INTO "watermarks" VALUES(10,1795658612406389000,0,1076852778);
INSERT INTO "watermarks" VALUES(11,1795658612656724000,0,1477256147);
INSERT INTO "watermarks" VALUES(12,1795658612607033000,0,202727640);
INSERT INTO "watermarks" VALUES(13,1795658612146880000,0,1275002210);
INSERT INTO "watermarks" VALUES(14,1795658612757013000,0,1476934522);
INSERT INTO "watermarks" VALUES(15,1795658612957731000,0,3422332383);
INSERT INTO "watermarks" VALUES(16,1795658613007536000,0,3047296397);
INSERT INTO "watermarks" VALUES(17,1795658613057201000,0,461959855);
INSERT INTO "watermarks" VALUES(18,1795658612246284000,0,3257061339);
INSERT INTO "watermarks" VALUES(19,1795421404000000000,0,2801953937);
INSERT INTO "watermarks" VALUES(20,1795421406000000000,1,1591164821);
CREATE UNIQUE INDEX series_identity ON series (
    entity_id, home, domain,
    ifnull(device_class, ''), ifnull(state_class, ''), ifnull(area, ''), ifnull(friendly_name, ''), ifnull(unit, '')
);
CREATE INDEX events_time ON events (time);
CREATE VIEW home_assistant_events AS
SELECT
    e.time,
    s.home, s.entity_id, s.domain, s.device_class, s.state_class, s.area, s.friendly_name, s.unit,
    e.state, e.value, e.previous_state, e.previous_duration_seconds, a.text AS attributes,
    o.temperature AS weather_temperature, o.humidity AS weather_humidity, o.pressure AS weather_pressure,
    o.condition AS weather_condition, o.observed_at AS weather_observed_at,
    e.persons_home, e.caused_by, e.removed
FROM events AS e
JOIN series AS s ON s.id = e.series_id
LEFT JOIN attributes AS a ON a.id = e.attributes_id
LEFT JOIN observations AS o ON o.id = e.observation_id;
CREATE VIEW weather AS
SELECT observed_at * 1000000000 AS time, location, temperature, humidity, pressure, condition FROM observations;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('notes',6);
COMMIT;
