# ruff: noqa: E501  tables stand as they would in their files
"""Small tables of cameras, by hand, in every format that is read."""

import json

TOP = "Station,Species,DateTimeOriginal\n"

CAMERA_STATIONS = """Station,Setup_date,Retrieval_date,Problem1_from,Problem1_to,elev
A,2021-05-01,2021-05-15,,,100
B,2021-05-03,2021-05-12,2021-05-06,2021-05-08,200
"""

CAMERA_RECORDS = """Station,Species,DateTimeOriginal
A,fox,2021-05-02 01:00:00
A,fox,2021-05-02 01:10:00
A,hare,2021-05-09 23:59:59
B,fox,2021-05-10 00:00:00
"""

SESSIONS = """Station,Setup_date,Retrieval_date,session
A,2020-05-01,2020-05-11,2020
A,2021-05-01,2021-05-11,2021
B,2021-05-01,2021-05-11,2021
"""

DEPLOYMENTS = """deploymentID,locationID,latitude,longitude,deploymentStart,deploymentEnd,cameraID,timestampIssues,habitat
d1,P,46.1,8.1,2021-05-01T12:00:00+02:00,2021-05-06T12:00:00+02:00,c1,false,oak
d2,,46.2,8.2,2021-05-01T12:00:00+02:00,2021-05-04T12:00:00+02:00,c2,false,fir
"""

OBSERVATIONS = """observationID,deploymentID,mediaID,eventStart,observationLevel,observationType,cameraSetupType,scientificName,count
o1,d1,,2021-05-01T22:30:00Z,event,animal,,Sus scrofa scrofa,2
o2,d1,m1,2021-05-01T22:30:00Z,media,animal,,Sus scrofa,1
o3,d2,,2021-05-03T10:00:00+02:00,event,animal,,Aves,1
o4,d2,,2021-05-03T11:00:00+02:00,event,human,,Homo sapiens,1
o5,d2,,2021-05-03T12:00:00+02:00,event,animal,,,
o6,d2,,2021-05-04T10:00:00Z,event,animal,,Vulpes vulpes,1
o7,d1,,2021-05-06T10:00:00Z,event,blank,setup,,
"""

OLD_DEPLOYMENTS = """deploymentID,locationID,longitude,latitude,start,end,cameraID
d1,P,8.1,46.1,2021-05-01T12:00:00+0200,2021-05-06T12:00:00+0200,c1
"""

OLD_OBSERVATIONS = """observationID,deploymentID,sequenceID,mediaID,timestamp,observationType,cameraSetup,scientificName,count,countNew
o1,d1,s1,,2021-05-02T01:00:00+0200,animal,false,Vulpes vulpes,1,1
o2,d1,s2,,2021-05-03T01:00:00+0200,human,true,,,
"""

WI_DEPLOYMENTS = """project_id,deployment_id,placename,longitude,latitude,start_date,end_date,camera_id,camera_functioning
1,d1,P1,-77.2,3.5,2021-05-01 00:00:00,2021-05-10 00:00:00,c1,Camera Functioning
1,d2,P2,-77.3,3.6,2021-05-03 00:00:00,2021-05-10 00:00:00,c2,Vandalism/Theft
"""

WI_IMAGES = """project_id,deployment_id,image_id,is_blank,class,order,family,genus,species,common_name,timestamp,number_of_objects
1,d1,i1,0,Mammalia,Carnivora,Canidae,Vulpes,vulpes,Red Fox,2021-05-02 01:00:00,1
1,d1,i2,0,Mammalia,Carnivora,Canidae,Canis,lupus familiaris,Dog,2021-05-10 23:00:00,2
1,d1,i3,1,,,,,,Blank,2021-05-02 02:00:00,
1,d2,i4,0,Aves,,,,,Bird,2021-05-04 02:00:00,1
1,d2,i5,0,Mammalia,Primates,Hominidae,Homo,sapiens,Human-Camera Trapper,2021-05-04 02:00:00,1
1,d2,i6,0,No CV Result,No CV Result,No CV Result,No CV Result,No CV Result,No CV Result,2021-05-05 02:00:00,1
1,d2,i7,0,Mammalia,Carnivora,Canidae,Vulpes,vulpes,Red Fox,2021-05-22 01:00:00,1
"""

STATIONS = "site,start,end\nA,2021-05-01,2021-05-11\nB,2021-05-01,2021-05-11\n"

IMAGES = """RootFolder,File,RelativePath,DateTime,DeleteFlag,Species,Count
study,a.jpg,A\\100MEDIA,2021-05-02 01:00:00,false,deer,1
study,b.jpg,A\\100MEDIA,2021-05-02 01:01:00,false,deer,2
study,c.jpg,B,2021-05-03 01:00:00,false,,
study,d.jpg,B,2021-05-03 01:01:00,true,deer,1
"""


def package(version="1.0.2", taxonomic=()):
    profile = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{version}/camtrap-dp-profile.json"
    resources = [{"name": n, "path": f"{n}.csv"} for n in ("deployments", "media", "observations")]
    return json.dumps({"profile": profile, "resources": resources, "taxonomic": list(taxonomic)})


def results(**changes):
    def image(file, *boxes, **more):
        listed = [{"category": c, "conf": p, "bbox": [0, 0, 1, 1], **k} for c, p, k in boxes]
        return {"file": file, "detections": listed, **more}

    whole = {
        "info": {},
        "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
        "images": [
            image("A/1.jpg", ("1", 0.9, {}), ("1", 0.8, {}), datetime="2021:05:02 01:00:00"),
            image("A/2.jpg", ("2", 0.9, {}), ("1", 0.1, {}), datetime="2021:05:02 02:00:00"),
            image("B/3.jpg", datetime="2021:05:02 03:00:00"),
            {
                "file": "B/4.jpg",
                "failure": "Failure image access",
                "datetime": "2021:05:02 04:00:00",
            },
        ],
    }
    return json.dumps(whole | changes)
