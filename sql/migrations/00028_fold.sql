-- +goose Up
-- Names are compared, sorted and searched by keys that are the same in every cluster: what lower() and the order of texts do depends on
-- the locale that the cluster was made with, and a dump that is restored into another would bring other keys. The migration fails where
-- two names that were different are now the same: rename one of them first. It makes five tables anew, each locked until all is done: run
-- it in a quiet hour.

-- +goose StatementBegin
CREATE FUNCTION fold_unicode(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- fold() of a text that is not ASCII alone. Each character becomes the lower case of its upper case, as Unicode 15 has them one to one,
-- so that a final sigma is a sigma. A script's characters are looked at only where one of them occurs.
DECLARE
    latin_upper CONSTANT text :=
        'µÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİıĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽſƁƂƄƆ'
        'ƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƠƢƤƦƧƩƬƮƯƱƲƳƵƷƸƼǄǅǇǈǊǋǍǏǑǓǕǗǙǛǞǠǢǤǦǨǪǬǮǱǲǴǶǷǸǺǼǾȀȂȄȆȈȊȌȎȐȒȔȖȘȚȜȞȠȢȤȦȨȪȬȮȰȲȺȻȽȾɁɃɄɅɆɈ'
        'ɊɌɎḀḂḄḆḈḊḌḎḐḒḔḖḘḚḜḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẛẞẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆ'
        'ỈỊỌỎỐỒỔỖỘỚỜỞỠỢỤỦỨỪỬỮỰỲỴỶỸỺỼỾℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹ'
        'ꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉꟐꟖꟘꟵＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ';
    latin_lower CONSTANT text :=
        'μàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįiiĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžsɓƃƅɔ'
        'ƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵơƣƥʀƨʃƭʈưʊʋƴƶʒƹƽǆǆǉǉǌǌǎǐǒǔǖǘǚǜǟǡǣǥǧǩǫǭǯǳǳǵƕƿǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȝȟƞȣȥȧȩȫȭȯȱȳⱥȼƚⱦɂƀʉʌɇɉ'
        'ɋɍɏḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕṡßạảấầẩẫậắằẳẵặẹẻẽếềểễệ'
        'ỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹỻỽỿⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺ'
        'ꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊꟑꟗꟙꟶａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ';
    greek_upper CONSTANT text :=
        'ͅͰͲͶͿΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςϏϐϑϕϖϘϚϜϞϠϰϱϴϵϷϹϺϽϾϿἈἉἊἋἌἍἎἏἘἙἚἛἜἝἨἩἪἫἬἭἮἯἸἹἺἻἼἽἾἿὈὉὊὋὌὍὙὛὝὟὨ'
        'ὩὪὫὬὭὮὯᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮᾯᾸᾹᾺᾼῈῊῌῘῙῚῨῩῪῬῸῺῼ';
    greek_lower CONSTANT text :=
        'ιͱͳͷϳάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋσϗβθφπϙϛϝϟϡκρθεϸϲϻͻͼͽἀἁἂἃἄἅἆἇἐἑἒἓἔἕἠἡἢἣἤἥἦἧἰἱἲἳἴἵἶἷὀὁὂὃὄὅὑὓὕὗὠ'
        'ὡὢὣὤὥὦὧᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾰᾱὰᾳὲὴῃῐῑὶῠῡὺῥὸὼῳ';
    cyrillic_upper CONSTANT text :=
        'ЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍ'
        'ӐӒӔӖӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮᲀᲁᲂᲃᲄᲅᲆᲇᲈꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚ';
    cyrillic_lower CONSTANT text :=
        'ѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎ'
        'ӑӓӕӗәӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯвдосттъѣꙋꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛ';
    other_upper CONSTANT text :=
        'ϢϤϦϨϪϬϮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮ'
        'ᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯᏰᏱᏲᏳᏴᏵᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬ'
        'ᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⲀⲂⲄⲆⲈⲊⲌⲎⲐ'
        'ⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿'
        '𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬'
        '𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝'
        '𞤞𞤟𞤠𞤡';
    other_lower CONSTANT text :=
        'ϣϥϧϩϫϭϯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾ'
        'ꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿᏸᏹᏺᏻᏼᏽაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწ'
        'ჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⲁⲃⲅⲇⲉⲋⲍⲏⲑ'
        'ⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧'
        '𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬'
        '𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿'
        '𞥀𞥁𞥂𞥃';
    folded text COLLATE "C" := lower(normalize(name, NFC) COLLATE "C");
BEGIN
    IF folded ~ ('[' || latin_upper || ']') THEN
        folded := translate(folded, latin_upper, latin_lower);
    END IF;
    IF folded ~ ('[' || greek_upper || ']') THEN
        folded := translate(folded, greek_upper, greek_lower);
    END IF;
    IF folded ~ ('[' || cyrillic_upper || ']') THEN
        folded := translate(folded, cyrillic_upper, cyrillic_lower);
    END IF;
    IF folded ~ ('[' || other_upper || ']') THEN
        folded := translate(folded, other_upper, other_lower);
    END IF;
    RETURN folded;
END
$$;

CREATE FUNCTION fold(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(name) = length(name) THEN lower(name COLLATE "C")
            ELSE fold_unicode(name)
       END;

CREATE OR REPLACE FUNCTION audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After a statement: one event a row that it changed, or one a tenant for all of them when they are over a hundred.
-- Arguments: the entity type, then the columns that never stand in an event. Its transition tables are old_rows and new_rows.
-- One statement a case, without variables: PL/pgSQL prepares each expression anew in each transaction. Names are qualified
-- because a search_path of its own would cost as much as a case.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, after, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.insert'), TG_ARGV[0], n.id,
               to_jsonb(n) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:]),
               public.caller_field(6), public.caller_field(4)
          FROM new_rows n
         WHERE (SELECT count(*) FROM new_rows) <= 100;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, request_id, address)
        SELECT o.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.delete'), TG_ARGV[0], o.id,
               to_jsonb(o) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:]),
               public.caller_field(6), public.caller_field(4)
          FROM old_rows o
         WHERE (SELECT count(*) FROM old_rows) <= 100;
    ELSE
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, after, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.update'), TG_ARGV[0], n.id,
               changed.before, changed.after, public.caller_field(6), public.caller_field(4)
          FROM new_rows n
          JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.id = n.id
         CROSS JOIN LATERAL (
               SELECT jsonb_object_agg(key, was.fields -> key) AS before,
                      jsonb_object_agg(key, value)             AS after
                 FROM (SELECT to_jsonb(o) AS fields OFFSET 0) was, -- OFFSET: made once, not for each key
                      jsonb_each(to_jsonb(n) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:]))
                WHERE value <> was.fields -> key
               ) changed
         WHERE changed.after IS NOT NULL
           AND (SELECT count(*) FROM new_rows) <= 100;
    END IF;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT o.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.delete'), TG_ARGV[0], count(*),
               public.caller_field(6), public.caller_field(4)
          FROM old_rows o
         GROUP BY o.tenant_id
        HAVING (SELECT count(*) FROM old_rows) > 100;
    ELSE
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.' || lower(TG_OP COLLATE "C")), TG_ARGV[0], count(*),
               public.caller_field(6), public.caller_field(4)
          FROM new_rows n
         GROUP BY n.tenant_id
        HAVING (SELECT count(*) FROM new_rows) > 100;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION account_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a row of accounts: an event with the fields that changed. A secret shows that it changed, and no more.
DECLARE
    hidden  CONSTANT text[] := ARRAY['id', 'version', 'created_at', 'updated_at', 'password_hash', 'proofs'];
    is_new  CONSTANT boolean := TG_OP = 'INSERT';
    old_row CONSTANT jsonb := CASE WHEN is_new THEN '{}' ELSE to_jsonb(OLD) END;
    was     jsonb;
    became  jsonb;
BEGIN
    SELECT jsonb_object_agg(key, old_row -> key) FILTER (WHERE NOT is_new), jsonb_object_agg(key, value)
      INTO was, became
      FROM jsonb_each(to_jsonb(NEW) - hidden)
     WHERE value IS DISTINCT FROM old_row -> key;
    IF NEW.password_hash IS DISTINCT FROM old_row ->> 'password_hash' THEN
        became := coalesce(became, '{}') || '{"password_hash": "changed"}';
    END IF;
    IF became IS NOT NULL THEN
        INSERT INTO account_events (account_id, action, before, after, request_id, address)
        VALUES (NEW.id, coalesce(caller_field(5), 'accounts.' || lower(TG_OP COLLATE "C")), was, became, caller_field(6), caller_field(4));
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION fold(text)         IS 'What names are compared, sorted and searched by: regardless of case and of how accents are composed, the same in every locale.';
COMMENT ON FUNCTION fold_unicode(text) IS 'fold() of what is not ASCII.';
GRANT EXECUTE ON FUNCTION fold(text), fold_unicode(text) TO rowhouse_app;

ALTER TABLE items
 DROP COLUMN name_key,
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED;
COMMENT ON COLUMN items.name_key IS 'The name as it is sorted and searched by.';
CREATE INDEX items_name_key_idx ON items (tenant_id, name_key, id);

ALTER TABLE teams
 DROP COLUMN name_key,
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED;
COMMENT ON COLUMN teams.name_key IS 'The name as it is sorted and searched by.';
CREATE INDEX teams_name_key_idx ON teams (tenant_id, name_key, id);

ALTER TABLE roles
 DROP COLUMN name_key,
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED,
 DROP CONSTRAINT roles_primary_check,
  ADD CONSTRAINT roles_name_key      UNIQUE (tenant_id, name_key),
  ADD CONSTRAINT roles_primary_check CHECK (fold(name) NOT IN ('admin', 'assistant', 'artist', 'member'));
COMMENT ON COLUMN roles.name_key IS 'The name as it is compared, sorted and searched by.';

ALTER TABLE users
 DROP COLUMN name_key;
ALTER TABLE users -- apart: the type of a column that a generated one reads cannot change
ALTER COLUMN username TYPE text COLLATE "C",
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(coalesce(name, username))) STORED;
COMMENT ON COLUMN users.name_key IS 'The name, or without one the username, as it is sorted and searched by.';
CREATE INDEX users_name_key_idx ON users (tenant_id, name_key, id);

ALTER TABLE tenants
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (fold(name)) STORED;
COMMENT ON COLUMN tenants.name_key IS 'The name as it is sorted by.';

DROP TRIGGER touch ON tenants;
CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch('tenant_id', 'name_key');
DROP TRIGGER audit_insert ON tenants;
DROP TRIGGER audit_update ON tenants;
DROP TRIGGER audit_delete ON tenants;
CREATE TRIGGER audit_insert AFTER INSERT ON tenants REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant', 'name_key');
CREATE TRIGGER audit_update AFTER UPDATE ON tenants REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant', 'name_key');
CREATE TRIGGER audit_delete AFTER DELETE ON tenants REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant', 'name_key');

-- What an e-mail's canonical form is, the server decides; here only that it has no capitals, in whatever locale.
ALTER TABLE accounts
 DROP CONSTRAINT accounts_email_check,
  ADD CONSTRAINT accounts_email_check    CHECK (email = lower(email COLLATE "C") AND length(email) BETWEEN 3 AND 254);
ALTER TABLE users
 DROP CONSTRAINT users_email_check,
  ADD CONSTRAINT users_email_check       CHECK (email = lower(email COLLATE "C") AND length(email) BETWEEN 3 AND 254);
ALTER TABLE invitations
 DROP CONSTRAINT invitations_email_check,
  ADD CONSTRAINT invitations_email_check CHECK (email = lower(email COLLATE "C") AND length(email) BETWEEN 3 AND 254);

ANALYZE items, teams, roles, users, tenants; -- the keys have no statistics yet

-- +goose Down
ALTER TABLE invitations
 DROP CONSTRAINT invitations_email_check,
  ADD CONSTRAINT invitations_email_check CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254);
ALTER TABLE users
 DROP CONSTRAINT users_email_check,
  ADD CONSTRAINT users_email_check       CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254);
ALTER TABLE accounts
 DROP CONSTRAINT accounts_email_check,
  ADD CONSTRAINT accounts_email_check    CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254);

DROP TRIGGER audit_delete ON tenants;
DROP TRIGGER audit_update ON tenants;
DROP TRIGGER audit_insert ON tenants;
CREATE TRIGGER audit_insert AFTER INSERT ON tenants REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant');
CREATE TRIGGER audit_update AFTER UPDATE ON tenants REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant');
CREATE TRIGGER audit_delete AFTER DELETE ON tenants REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION audit('tenant');
DROP TRIGGER touch ON tenants;
CREATE TRIGGER touch BEFORE UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION touch('tenant_id');
ALTER TABLE tenants
 DROP COLUMN name_key;

ALTER TABLE users
 DROP COLUMN name_key;
ALTER TABLE users
ALTER COLUMN username TYPE text COLLATE "default",
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (lower(coalesce(name, username))) STORED;
COMMENT ON COLUMN users.name_key IS 'The name, or without one the username, as it is sorted and searched by.';
CREATE INDEX users_name_key_idx ON users (tenant_id, name_key, id);

ALTER TABLE roles
 DROP CONSTRAINT roles_primary_check,
 DROP COLUMN name_key,
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (lower(name)) STORED,
  ADD CONSTRAINT roles_name_key      UNIQUE (tenant_id, name_key),
  ADD CONSTRAINT roles_primary_check CHECK (lower(name) NOT IN ('admin', 'assistant', 'artist', 'member'));
COMMENT ON COLUMN roles.name_key IS 'The name as it is compared, sorted and searched by.';

ALTER TABLE teams
 DROP COLUMN name_key,
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (lower(name)) STORED;
COMMENT ON COLUMN teams.name_key IS 'The name as it is sorted and searched by.';
CREATE INDEX teams_name_key_idx ON teams (tenant_id, name_key, id);

ALTER TABLE items
 DROP COLUMN name_key,
  ADD COLUMN name_key text NOT NULL COLLATE "C" GENERATED ALWAYS AS (lower(name)) STORED;
COMMENT ON COLUMN items.name_key IS 'What the name is sorted and searched by: lower case, compared byte by byte.';
CREATE INDEX items_name_key_idx ON items (tenant_id, name_key, id);

DROP FUNCTION fold(text);
DROP FUNCTION fold_unicode(text);
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION account_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
-- After a row of accounts: an event with the fields that changed. A secret shows that it changed, and no more.
DECLARE
    hidden  CONSTANT text[] := ARRAY['id', 'version', 'created_at', 'updated_at', 'password_hash', 'proofs'];
    is_new  CONSTANT boolean := TG_OP = 'INSERT';
    old_row CONSTANT jsonb := CASE WHEN is_new THEN '{}' ELSE to_jsonb(OLD) END;
    was     jsonb;
    became  jsonb;
BEGIN
    SELECT jsonb_object_agg(key, old_row -> key) FILTER (WHERE NOT is_new), jsonb_object_agg(key, value)
      INTO was, became
      FROM jsonb_each(to_jsonb(NEW) - hidden)
     WHERE value IS DISTINCT FROM old_row -> key;
    IF NEW.password_hash IS DISTINCT FROM old_row ->> 'password_hash' THEN
        became := coalesce(became, '{}') || '{"password_hash": "changed"}';
    END IF;
    IF became IS NOT NULL THEN
        INSERT INTO account_events (account_id, action, before, after, request_id, address)
        VALUES (NEW.id, coalesce(caller_field(5), 'accounts.' || lower(TG_OP)), was, became, caller_field(6), caller_field(4));
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION audit() RETURNS trigger
LANGUAGE plpgsql AS $$
-- After a statement: one event a row that it changed, or one a tenant for all of them when they are over a hundred.
-- Arguments: the entity type, then the columns that never stand in an event. Its transition tables are old_rows and new_rows.
-- One statement a case, without variables: PL/pgSQL prepares each expression anew in each transaction. Names are qualified
-- because a search_path of its own would cost as much as a case.
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, after, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.insert'), TG_ARGV[0], n.id,
               to_jsonb(n) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:]),
               public.caller_field(6), public.caller_field(4)
          FROM new_rows n
         WHERE (SELECT count(*) FROM new_rows) <= 100;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, request_id, address)
        SELECT o.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.delete'), TG_ARGV[0], o.id,
               to_jsonb(o) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:]),
               public.caller_field(6), public.caller_field(4)
          FROM old_rows o
         WHERE (SELECT count(*) FROM old_rows) <= 100;
    ELSE
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, entity_id, before, after, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.update'), TG_ARGV[0], n.id,
               changed.before, changed.after, public.caller_field(6), public.caller_field(4)
          FROM new_rows n
          JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.id = n.id
         CROSS JOIN LATERAL (
               SELECT jsonb_object_agg(key, was.fields -> key) AS before,
                      jsonb_object_agg(key, value)             AS after
                 FROM (SELECT to_jsonb(o) AS fields OFFSET 0) was, -- OFFSET: made once, not for each key
                      jsonb_each(to_jsonb(n) - (ARRAY['tenant_id', 'id', 'version', 'created_at', 'updated_at'] || TG_ARGV[1:]))
                WHERE value <> was.fields -> key
               ) changed
         WHERE changed.after IS NOT NULL
           AND (SELECT count(*) FROM new_rows) <= 100;
    END IF;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT o.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.delete'), TG_ARGV[0], count(*),
               public.caller_field(6), public.caller_field(4)
          FROM old_rows o
         GROUP BY o.tenant_id
        HAVING (SELECT count(*) FROM old_rows) > 100;
    ELSE
        INSERT INTO public.audit_events (tenant_id, actor_user_id, actor_account_id, action, entity_type, row_count, request_id, address)
        SELECT n.tenant_id, public.me(), public.my_account(), coalesce(public.caller_field(5), TG_TABLE_NAME || '.' || lower(TG_OP)), TG_ARGV[0], count(*),
               public.caller_field(6), public.caller_field(4)
          FROM new_rows n
         GROUP BY n.tenant_id
        HAVING (SELECT count(*) FROM new_rows) > 100;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
