// Turns Slack's emoji shortcodes into characters; one it does not know stays as it was typed.

const NAMES = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|100 💯|wave 👋|raised_hands 🙌|raised_hand ✋|pray 🙏|clap 👏
ok_hand 👌|point_right 👉|point_up ☝️|muscle 💪|handshake 🤝|eyes 👀|smile 😄|smiley 😃|grinning 😀
slightly_smiling_face 🙂|wink 😉|joy 😂|sweat_smile 😅|sweat 😓|thinking_face 🤔|cry 😢|sob 😭
scream 😱|sleeping 😴|zzz 💤|skull 💀|ghost 👻|robot_face 🤖|heart ❤️|star ⭐|star2 🌟|sparkles ✨
tada 🎉|fire 🔥|zap ⚡|boom 💥|bulb 💡|rocket 🚀|white_check_mark ✅|heavy_check_mark ✔️
ballot_box_with_check ☑️|x ❌|heavy_multiplication_x ✖️|negative_squared_cross_mark ❎|warning ⚠️
rotating_light 🚨|exclamation ❗|heavy_exclamation_mark ❗|grey_exclamation ❕|bangbang ‼️
interrobang ⁉️|question ❓|grey_question ❔|information_source ℹ️|no_entry ⛔|no_entry_sign 🚫
octagonal_sign 🛑|stop_sign 🛑|construction 🚧|vertical_traffic_light 🚦|traffic_light 🚥
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|timer_clock ⏲️|alarm_clock ⏰|watch ⌚
clock1 🕐|clock3 🕒|clock9 🕘|clock12 🕛|calendar 📆|date 📅|spiral_calendar_pad 🗓️
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢
large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|large_brown_circle 🟤|ear 👂
large_red_square 🟥|large_orange_square 🟧|large_yellow_square 🟨|large_green_square 🟩
large_blue_square 🟦|white_large_square ⬜|black_large_square ⬛|white_small_square ▫️
black_small_square ▪️|small_blue_diamond 🔹|small_orange_diamond 🔸|large_blue_diamond 🔷
small_red_triangle 🔺|small_red_triangle_down 🔻|arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️
arrow_down ⬇️|arrow_upper_right ↗️|arrow_lower_right ↘️|arrow_forward ▶️|arrow_backward ◀️
arrow_right_hook ↪️|leftwards_arrow_with_hook ↩️|left_right_arrow ↔️|arrow_up_down ↕️
fast_forward ⏩|rewind ⏪|black_square_for_stop ⏹️|double_vertical_bar ⏸️|repeat 🔁
arrows_counterclockwise 🔄|arrows_clockwise 🔃|twisted_rightwards_arrows 🔀|recycle ♻️
heavy_plus_sign ➕|heavy_minus_sign ➖|lock 🔒|unlock 🔓|closed_lock_with_key 🔐|key 🔑
shield 🛡️|mag 🔍|mag_right 🔎|bell 🔔|no_bell 🔕|loudspeaker 📢|mega 📣|speech_balloon 💬
thought_balloon 💭|thread 🧵|email 📧|envelope ✉️|inbox_tray 📥|outbox_tray 📤|package 📦
memo 📝|pencil 📝|pencil2 ✏️|page_facing_up 📄|page_with_curl 📃|clipboard 📋|bookmark_tabs 📑
books 📚|book 📖|ledger 📒|scroll 📜|receipt 🧾|bar_chart 📊|chart_with_upwards_trend 📈
chart_with_downwards_trend 📉|straight_ruler 📏|link 🔗|paperclip 📎|pushpin 📌|round_pushpin 📍
triangular_flag_on_post 🚩|checkered_flag 🏁|white_flag 🏳️|label 🏷️|bookmark 🔖|gear ⚙️
wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|nut_and_bolt 🔩|toolbox 🧰|magnet 🧲|broom 🧹
test_tube 🧪|microscope 🔬|telescope 🔭|satellite_antenna 📡|electric_plug 🔌|battery 🔋
computer 💻|desktop_computer 🖥️|floppy_disk 💾|cd 💿|card_index_dividers 🗂️|file_folder 📁
open_file_folder 📂|wastebasket 🗑️|cloud ☁️|sunny ☀️|rainbow 🌈|snowflake ❄️|ocean 🌊
earth_africa 🌍|globe_with_meridians 🌐|house 🏠|office 🏢|factory 🏭|bust_in_silhouette 👤
busts_in_silhouette 👥|sos 🆘|new 🆕|ok 🆗|up 🆙|free 🆓|bug 🐛|snail 🐌|turtle 🐢|whale 🐳
bird 🐦|canary 🐤|baby_chick 🐤|coffee ☕|beer 🍺|pizza 🍕|cake 🍰|ambulance 🚑|fire_engine 🚒
police_car 🚓|truck 🚚|anchor ⚓|balance_scale ⚖️|scales ⚖️|first_place_medal 🥇|trophy 🏆
crystal_ball 🔮|game_die 🎲|jigsaw 🧩|seedling 🌱|herb 🌿|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣
five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|zero 0️⃣|keycap_ten 🔟`;

const CHARACTERS = new Map(NAMES.trim().split(/[|\n]+/).map((pair) => pair.trim().split(" ")));

export const emoji = (name) => CHARACTERS.get(name);

export const withEmoji = (text) =>
  text.replace(/:([\w+'-]+):/g, (typed, name) => CHARACTERS.get(name) ?? typed);
